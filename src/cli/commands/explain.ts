import { CATALOGUE, isErrorCode } from '../../errors/catalogue.ts';
import { SluiceError } from '../../errors/error.ts';
import { examples, type Verb } from '../verb.ts';

const CONSEQUENCES = {
  retry: 'It is tried again with back-off until it works; nothing is lost meanwhile.',
  gap: 'The pipeline stands in GAP and keeps its position until somebody answers the incident.',
  blocked:
    'The pipeline stands in BLOCKED and keeps its position until somebody answers the incident.',
  refuse: 'The command or configuration was refused and nothing was changed.',
  end: 'This attempt ends; another one has taken over, or somebody asked for the end.',
} as const;

export const explain: Verb = (program, act) => {
  program
    .command('explain')
    .argument('<code>', 'error code, as `binlog.purged`')
    .description('Say what an error code means and what to do.')
    .addHelpText(
      'after',
      examples(['sluice explain binlog.purged', 'meaning, consequence and cure']),
    )
    .action(
      act(async (_, code: string) => {
        if (!isErrorCode(code)) throw unknownCode(code);
        const { title, meaning, outcome, action } = CATALOGUE[code];
        const text = `${code}: ${title}\n\n${meaning}\n${CONSEQUENCES[outcome]}\n\nWhat to do: ${action}`;
        return { result: { code, title, meaning, outcome, action }, text };
      }),
    );
};

function unknownCode(code: string): SluiceError {
  const area = Object.keys(CATALOGUE).filter((known) => known.split('.')[0] === code.split('.')[0]);
  const hint =
    area.length > 0
      ? `In that area there are: ${area.join(', ')}.`
      : 'docs/errors.md lists all codes.';
  return new SluiceError('cli.usage', `There is no error code ${code}. ${hint}`);
}
