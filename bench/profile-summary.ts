/** The part of V8's .cpuprofile that is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileLine {
  /** Folder below src, package, or what V8 calls the place. */
  readonly place: string;
  readonly ms: number;
  /** Of the time in which the thread did anything. */
  readonly part: number;
}

const WAITING: ReadonlySet<string> = new Set(['(idle)', '(root)']);

/** Own time per folder of src, package and builtin, largest first; waiting is left out. */
export function profileSummary({ nodes, samples, timeDeltas }: CpuProfile): readonly ProfileLine[] {
  const places = new Map(nodes.map(({ id, callFrame }) => [id, placeOf(callFrame)]));
  const spentUs = new Map<string, number>();
  samples.forEach((id, index) => {
    const place = places.get(id) ?? '(unknown)';
    if (WAITING.has(place)) return;
    spentUs.set(place, (spentUs.get(place) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const totalUs = [...spentUs.values()].reduce((sum, us) => sum + us, 0);
  return [...spentUs]
    .map(([place, us]) => ({ place, ms: us / 1_000, part: us / Math.max(1, totalUs) }))
    .sort((a, b) => b.ms - a.ms);
}

function placeOf({ functionName, url }: CpuProfile['nodes'][number]['callFrame']): string {
  const own = /\/src\/([^/]+)\//.exec(url);
  const foreign = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url);
  if (foreign?.[1] !== undefined) return foreign[1];
  if (own?.[1] !== undefined) return `src/${own[1]}`;
  if (url.startsWith('node:')) return url.split('/')[0] ?? url;
  return functionName.startsWith('(') ? functionName : 'native code';
}
