import { z } from 'zod';
import { pipelineSchema } from './schema.ts';

/** The parts of a JSON Schema that {@link pipelineSchema} uses. */
export interface SchemaNode {
  readonly description?: string;
  readonly type?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** JSON Schema (draft 2020-12) of the pipeline file as it is written, defaults left out by the writer included. */
export function pipelineJsonSchema(): SchemaNode {
  return z.toJSONSchema(pipelineSchema, { io: 'input' }) as SchemaNode;
}

/** Keys that may stand at a path, in the order of the manual; empty where names are free. */
export function knownKeys(path: readonly (string | number)[]): readonly string[] {
  let nodes: readonly SchemaNode[] = variants(pipelineJsonSchema());
  for (const step of path)
    nodes = nodes.flatMap((node) => childrenAt(node, step)).flatMap(variants);
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

/** The node itself, or the alternatives it stands for. */
export const variants = (node: SchemaNode): readonly SchemaNode[] =>
  node.anyOf ?? node.oneOf ?? [node];

function childrenAt(node: SchemaNode, step: string | number): readonly SchemaNode[] {
  if (typeof step === 'number') return node.items ? [node.items] : [];
  const named = node.properties?.[step];
  if (named) return [named];
  return typeof node.additionalProperties === 'object' ? [node.additionalProperties] : [];
}
