import { readPipelineFile } from '../../config/pipeline-file.ts';
import type { Finding } from '../../control/finding.ts';
import { secretScope } from '../secret-scope.ts';
import { examples, unlessInterrupted, type Verb } from '../verb.ts';

const MARKS: Readonly<Record<Finding['severity'], string>> = {
  ok: 'ok     ',
  warning: 'warning',
  fatal: 'fatal  ',
};

export const check: Verb = (program, act) => {
  program
    .command('check')
    .argument('<file>', 'pipeline file')
    .description(
      'Validate the file, and see whether the servers it names are fit for capture. Changes nothing.',
    )
    .addHelpText(
      'after',
      examples([
        'sluice check shop.yaml',
        'exit 1 when something found is fatal; the SQL or command that cures it is shown',
      ]),
    )
    .action(
      act(async ({ ports, console, signal, env }, file: string) => {
        const spec = await readPipelineFile(file);
        console.note(
          `${file} is valid; asking ${spec.source.host}:${spec.source.port} and ${spec.kafka.brokers.join(', ')}`,
        );
        const { findings } = await unlessInterrupted(
          ports.checkPipeline(spec, await secretScope(env)),
          signal,
        );
        const fatal = findings.filter(({ severity }) => severity === 'fatal').length;
        return {
          ok: fatal === 0,
          result: { pipeline: spec.pipeline, findings },
          text: [...findings.map(findingText), summary(fatal)].join('\n'),
        };
      }),
    );
};

function findingText({ check: name, severity, message, fixSql, fixCommand }: Finding): string {
  const cures = [fixSql, fixCommand].filter((cure) => cure !== undefined);
  const lines = [message, ...cures].join('\n').replaceAll('\n', '\n         ');
  return `${MARKS[severity]}  ${name}: ${lines}`;
}

const summary = (fatal: number): string =>
  fatal === 0
    ? 'Nothing stands in the way.'
    : `${fatal} of these must be cured before the pipeline can run.`;
