import { Option } from 'commander';
import { RECOVER_ACTIONS, type RecoverAction } from '../../control/messages.ts';
import { confirm } from '../confirm.ts';
import { tableList } from '../option-values.ts';
import { outcomeText } from '../outcome-text.ts';
import { requester } from '../requester.ts';
import { examples, type Surroundings, type Verb, withControl } from '../verb.ts';
import { sinkPlan } from './resnapshot.ts';

interface Options {
  readonly incident: string;
  readonly action: RecoverAction;
  readonly tables?: readonly string[];
  readonly reason?: string;
  readonly yes?: boolean;
}

export const recover: Verb = (program, act) => {
  program
    .command('recover')
    .argument('<pipeline>', 'name of the pipeline')
    .description(
      'Answer an incident: what a pipeline in GAP needs to go on. One that is BLOCKED goes on with `resume` as well, once the cause is gone.',
    )
    .requiredOption(
      '--incident <id>',
      'as `sluice incidents` shows it; an answer to another incident is refused',
    )
    .addOption(
      new Option('--action <action>', 'what to do').choices(RECOVER_ACTIONS).makeOptionMandatory(),
    )
    .option('--tables <names>', 'resnapshot only these: database.table, commas between', tableList)
    .option('--reason <text>', 'kept in the pipeline’s record')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      examples(
        [
          'sluice recover shop --incident gap-1 --action retry',
          'the cause is gone: try the same position again',
        ],
        [
          'sluice recover shop --incident gap-1 --action resnapshot',
          'stream from now on, and read every table anew',
        ],
        [
          'sluice recover shop --incident warehouse/gap-1 --action resnapshot',
          'an empty warehouse for this sink, filled by a snapshot',
        ],
      ),
    )
    .action(act(answerIncident));
};

async function answerIncident(surroundings: Surroundings, pipeline: string, options: Options) {
  const { console, signal } = surroundings;
  const { incident: incidentId, action, tables, reason } = options;
  if (action === 'resnapshot')
    await confirm(
      console,
      { steps: planOf(pipeline, incidentId, tables), name: pipeline, yes: options.yes ?? false },
      signal,
    );
  const request = { incidentId, action, ...(tables && { tables }), ...requester(reason) };
  const receipt = await withControl(surroundings, (control) => control.recover(pipeline, request));
  return {
    result: { pipeline, incidentId, action, ...(tables && { tables }), taken: receipt.taken },
    text: outcomeText(receipt, `Incident ${incidentId} of ${pipeline} is answered with ${action}.`),
  };
}

function planOf(
  pipeline: string,
  incidentId: string,
  tables: readonly string[] | undefined,
): readonly string[] {
  const slash = incidentId.indexOf('/');
  if (slash >= 0) return sinkPlan(pipeline, incidentId.slice(0, slash));
  return [
    `Pipeline ${pipeline} gives up its position and streams from where the server is now.`,
    `${tables ? tables.join(', ') : 'Every captured table'} is read again into the topics and the warehouses.`,
    'Changes between the old position and now are not in the topics one by one; the lost span goes on record.',
  ];
}
