import type { Program } from './program.ts';
import type { SourcePosition } from './source.ts';

/** One run of one program in one scenario. */
export interface Job {
  /** Unique in the run; first part of topic names, and of whatever the program keeps. */
  readonly prefix: string;
  readonly database: string;
  readonly tables: readonly string[];
  readonly partitions: number;
  /** Where to begin; absent when the rows that are there are to be copied. */
  readonly position: SourcePosition | undefined;
  /** Load a warehouse too, in this file. */
  readonly warehouse: string | undefined;
}

/** A program that copies changes into topics. */
export interface Contender {
  readonly name: string;
  /** For a person: version and what was set. */
  readonly description: string;
  /** What `ratio` compares with. */
  readonly settings: Readonly<Record<string, string>>;
  topicOf(job: Job, table: string): string;
  /** Has the program remember the source's present position, and ends it; rows come after that. */
  remember?(job: Job): Promise<void>;
  /** Starts it; it begins at the job's position, or with a snapshot. */
  start(job: Job): Promise<Program>;
  /** Removes what the job left outside its topics. */
  forget?(job: Job): Promise<void>;
}
