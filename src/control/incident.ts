/** Something a person has to decide. JSON-plain; holds names and positions, never row values. */
export interface Incident {
  /** `gap-2026-11-23-01`: kind, day it opened, number within the pipeline. */
  readonly id: string;
  readonly kind: 'gap' | 'blocked';
  /** Error code; `sluice explain CODE` tells more. */
  readonly code: string;
  readonly message: string;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly openedAtMs: number;
  readonly closedAtMs?: number;
  readonly answer?: { readonly action: string; readonly by?: string; readonly reason?: string };
}

export const MAX_INCIDENTS = 20;

export function openIncident(incidents: readonly Incident[]): Incident | undefined {
  return incidents.findLast(({ closedAtMs }) => closedAtMs === undefined);
}

export function incidentId(kind: Incident['kind'], atMs: number, ordinal: number): string {
  const day = new Date(atMs).toISOString().slice(0, 10);
  return `${kind}-${day}-${String(ordinal).padStart(2, '0')}`;
}
