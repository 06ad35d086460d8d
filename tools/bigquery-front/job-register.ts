import { randomUUID } from 'node:crypto';
import { type Answer, type Json, type Refusal, refusal } from './answer.ts';
import type { Job } from './job.ts';

export type UnfinishedState = 'PENDING' | 'RUNNING';

/** What became of a job: its `statistics` and what else its resource says, or why it failed. */
export type JobEnd =
  | { readonly kind: 'done'; readonly resource: Json }
  | { readonly kind: 'failed'; readonly refusal: Refusal };

interface UnderWay {
  readonly states: UnfinishedState[];
  readonly end: Promise<Json>;
}

/**
 * The jobs of a project. An id is taken for ever when it is submitted, also that of a job that
 * fails. A job is at work from then on; whoever asks sees the unfinished states first, one a poll.
 */
export class JobRegister {
  /** Every job that was taken, with what became of it. */
  readonly jobs = new Map<string, Json>();
  readonly #underWay = new Map<string, UnderWay>();
  readonly #unfinished: readonly UnfinishedState[];

  /** @param unfinished  what a job says before DONE, the first of them when it is submitted */
  constructor(unfinished: readonly UnfinishedState[]) {
    this.#unfinished = unfinished;
  }

  /** @param work  rejects when the emulator cannot be asked: the id is free again then */
  async take(job: Job, work: () => Promise<JobEnd>): Promise<Answer> {
    const id = job.jobReference?.jobId ?? randomUUID();
    if (this.jobs.has(id))
      return refusal(409, { reason: 'duplicate', message: `Already Exists: Job ${id}` });
    const taken = { ...job, jobReference: { location: 'US', ...job.jobReference, jobId: id } };
    const [first, ...states] = this.#unfinished;
    this.jobs.set(id, inState(taken, first ?? 'RUNNING'));
    const end = this.#end(id, taken, work);
    if (first === undefined) return { status: 200, body: await end };
    // Whoever asks for it learns that it could not be carried out.
    end.catch(() => undefined);
    this.#underWay.set(id, { states, end });
    return { status: 200, body: inState(taken, first) };
  }

  /** `undefined` for an id that nobody has submitted here. */
  async get(id: string, location: string): Promise<Answer | undefined> {
    const job = this.jobs.get(id) as Job | undefined;
    if (!job) return undefined;
    const own = job.jobReference?.location ?? 'US';
    if (own.toLowerCase() !== location.toLowerCase())
      return refusal(404, { reason: 'notFound', message: `Not found: Job ${location}.${id}` });
    const underWay = this.#underWay.get(id);
    const state = underWay?.states.shift();
    if (state !== undefined) return { status: 200, body: inState(job, state) };
    return { status: 200, body: underWay ? await underWay.end : job };
  }

  async #end(id: string, job: Job, work: () => Promise<JobEnd>): Promise<Json> {
    try {
      const ended = resourceOf(job, await work());
      this.jobs.set(id, ended);
      return ended;
    } catch (error) {
      this.jobs.delete(id);
      this.#underWay.delete(id);
      throw error;
    }
  }
}

const inState = (job: Job, state: UnfinishedState): Json => ({ ...job, status: { state } });

function resourceOf(job: Job, end: JobEnd): Json {
  if (end.kind === 'done') {
    const status = { state: 'DONE' };
    return { ...job, status, ...end.resource, jobReference: job.jobReference };
  }
  const { reason, message, details = [] } = end.refusal;
  const errorResult = { reason, message };
  const errors = [errorResult, ...details.map((detail) => ({ reason, message: detail }))];
  return { ...job, status: { state: 'DONE', errorResult, errors } };
}
