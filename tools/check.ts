/**
 * The gate: what has to be green before a change is shared. One line a step, output only on failure.
 * With `--fix`, instead puts right what programs can put right: formatting, some lint, generated pages.
 */
import { interruptible } from './gate/interruptible.ts';
import { FIX_STEPS, HERMETIC_TESTS, runSteps, STATIC_STEPS } from './gate/steps.ts';

const steps = process.argv.includes('--fix') ? FIX_STEPS : [...STATIC_STEPS, HERMETIC_TESTS];
const signal = interruptible();
const runs = await runSteps(steps, signal);
process.exitCode = !signal.aborted && runs.every(({ ok }) => ok) ? 0 : 1;
