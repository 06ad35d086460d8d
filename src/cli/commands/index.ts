import type { Verb } from '../verb.ts';
import { apply } from './apply.ts';
import { check } from './check.ts';
import { cost } from './cost.ts';
import { drop } from './drop.ts';
import { explain } from './explain.ts';
import { incidents } from './incidents.ts';
import { pause } from './pause.ts';
import { query } from './query.ts';
import { recover } from './recover.ts';
import { resnapshot } from './resnapshot.ts';
import { resume } from './resume.ts';
import { snapshot } from './snapshot.ts';
import { status } from './status.ts';
import { tail } from './tail.ts';
import { worker } from './worker.ts';

/** Every verb, in the order of the help: setting up, watching, acting, looking at data, ending. */
export const VERBS: readonly Verb[] = [
  check,
  worker,
  apply,
  status,
  incidents,
  explain,
  pause,
  resume,
  snapshot,
  recover,
  resnapshot,
  tail,
  query,
  cost,
  drop,
];
