import { readPipelineFile } from '../../config/pipeline-file.ts';
import { SluiceError } from '../../errors/error.ts';
import { isCancellation } from '../../errors/policy.ts';
import type { TailedRecord, TailRequest } from '../../workers/tail.ts';
import { commaList, wholeNumber } from '../option-values.ts';
import { examples, type Surroundings, type Verb } from '../verb.ts';
import { visibleInLine } from '../visible-text.ts';

interface Options {
  readonly config?: string;
  readonly brokers?: readonly string[];
  readonly fromBeginning?: boolean;
  readonly limit?: number;
}

export const tail: Verb = (program, act) => {
  program
    .command('tail')
    .argument('<topic>', 'as `shop.shop.orders`')
    .description(
      'Print the committed records of a topic as they come: partition, offset, key, value.',
    )
    .option('--config <file>', 'pipeline file whose Kafka cluster is meant')
    .option(
      '--brokers <list>',
      'brokers without security, host:port with commas between',
      commaList,
    )
    .option('--from-beginning', 'start at the oldest record instead of now')
    .option('--limit <records>', 'end after so many; needed with --json', wholeNumber)
    .addHelpText(
      'after',
      examples(
        ['sluice tail shop.shop.orders --config shop.yaml', 'until Ctrl-C'],
        [
          'sluice tail shop.shop.orders --brokers 127.0.0.1:9092 --from-beginning --limit 5',
          'the five oldest',
        ],
      ),
    )
    .action(act(printRecords));
};

async function printRecords(
  { ports, console, signal }: Surroundings,
  topic: string,
  options: Options,
) {
  const { fromBeginning = false, limit } = options;
  if (console.json && limit === undefined)
    throw new SluiceError('cli.usage', 'With --json, --limit says where the document ends.');
  const cluster = await clusterOf(options);
  const request = {
    ...cluster,
    topic,
    fromBeginning,
    ...(limit === undefined ? {} : { limit }),
    signal,
  };
  const records: TailedRecord[] = [];
  try {
    for await (const record of ports.tailTopic(request)) {
      if (console.json) records.push(record);
      else console.result(recordText(record));
    }
  } catch (error) {
    // Ctrl-C is how this verb ends when it has no limit.
    if (!signal.aborted || !isCancellation(error)) throw error;
  }
  return { result: { topic, records }, text: '' };
}

async function clusterOf({
  config,
  brokers,
}: Options): Promise<Pick<TailRequest, 'brokers' | 'kafka'>> {
  if (brokers !== undefined && config === undefined) return { brokers };
  if (config === undefined || brokers !== undefined)
    throw new SluiceError(
      'cli.usage',
      'Say which cluster: either --config FILE or --brokers LIST.',
    );
  const { kafka } = await readPipelineFile(config);
  return { brokers: kafka.brokers, kafka };
}

const recordText = ({ partition, offset, key, value }: TailedRecord): string =>
  visibleInLine(`${partition}:${offset}  ${key ?? '(no key)'}  ${value ?? '(tombstone)'}`);
