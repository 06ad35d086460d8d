import { cut } from './incident.ts';

/** A signal that could not be taken. There is nobody to answer, so it is shown with the state. */
export interface Refusal {
  readonly atMs: number;
  readonly text: string;
}

const MAX_REFUSALS = 5;
const MAX_TEXT_CHARS = 300;

/** The state with one more refusal, newest last; the oldest gives way. */
export function withRefusal<State extends { readonly refusals: readonly Refusal[] }>(
  state: State,
  text: string,
  nowMs: number,
): State {
  const refusal: Refusal = { atMs: nowMs, text: cut(text, MAX_TEXT_CHARS) };
  return { ...state, refusals: [...state.refusals, refusal].slice(-MAX_REFUSALS) };
}
