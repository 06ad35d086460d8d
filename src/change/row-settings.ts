/** What becomes of a value that is no text of its column's charset: its table stops, or something stands for it. */
export type InvalidTextRule = 'stop' | 'replace' | 'bytes';

/** What an update shows of the row before it: all of it, or its key. */
export type BeforeImageRule = 'full' | 'key';

/** How the rows of a table are passed on. */
export interface RowSettings {
  readonly invalidText: InvalidTextRule;
  readonly beforeImage: BeforeImageRule;
}

export const DEFAULT_ROW_SETTINGS: RowSettings = { invalidText: 'stop', beforeImage: 'full' };
