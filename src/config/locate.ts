import { type Document, isAlias, isMap, isScalar, isSeq, type LineCounter, type Node } from 'yaml';

export type KeyPath = readonly (string | number)[];

/** Where to point a person to: `key` at the last key of the path, `value` at what stands behind it. */
export type Target = 'key' | 'value';

/**
 * Line and column (from 1) of a path in the document. A path that leads nowhere points at the
 * deepest part of it that exists.
 */
export function locate(
  document: Document,
  lines: LineCounter,
  path: KeyPath,
  target: Target,
): { readonly line: number; readonly column: number } {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, step] of path.entries()) {
    const child = childOf(resolved(document, node), step);
    if (child === undefined) break;
    const last = depth === path.length - 1;
    const [first, second] =
      last && target === 'value' ? [child.value, child.key] : [child.key, child.value];
    offset = startOf(first) ?? startOf(second) ?? offset;
    node = child.value;
  }
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}

function childOf(
  node: unknown,
  step: string | number,
): { readonly key: unknown; readonly value: unknown } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)];
    return item === undefined ? undefined : { key: item, value: item };
  }
  if (!isMap(node)) return undefined;
  return node.items.find(
    ({ key }) => (isScalar(key) ? String(key.value) : String(key)) === String(step),
  );
}

const resolved = (document: Document, node: unknown): unknown =>
  isAlias(node) ? node.resolve(document) : node;

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}
