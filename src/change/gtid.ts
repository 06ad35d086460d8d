import type { Brand } from './brand.ts';

/** One transaction's id: `uuid:gno` or `uuid:tag:gno`, uuid in lower case. */
export type Gtid = Brand<string, 'Gtid'>;

/** A set of GTIDs in canonical text: lower case, sources and tags sorted, intervals merged, no spaces. Empty set: ''. */
export type GtidSetText = Brand<string, 'GtidSetText'>;
