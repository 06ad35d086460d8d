/** So many at once, and so many a day in the long run; together what any 24 hours can see. */
export interface Allowance {
  readonly burst: number;
  readonly perDay: number;
}

export const DAY_MS = 86_400_000;

/** What is left of an allowance. */
export class Bucket {
  readonly #allowance: Allowance;
  #level: number;
  #atMs: number;

  constructor(allowance: Allowance, atMs: number) {
    this.#allowance = allowance;
    this.#level = allowance.burst;
    this.#atMs = atMs;
  }

  waitMs(wanted: number, nowMs: number): number {
    const { burst, perDay } = this.#allowance;
    const missing = Math.min(wanted, burst) - this.#levelAt(nowMs);
    return missing <= 0 ? 0 : Math.ceil((missing * DAY_MS) / perDay);
  }

  take(count: number, nowMs: number): void {
    this.#level = this.#levelAt(nowMs) - count;
    this.#atMs = nowMs;
  }

  #levelAt(nowMs: number): number {
    const { burst, perDay } = this.#allowance;
    return Math.min(burst, this.#level + ((nowMs - this.#atMs) * perDay) / DAY_MS);
  }
}
