import type { Client } from '@temporalio/client';
import { SluiceError } from '../errors/error.ts';

/** Search attributes that workflows set: the state, and the pipeline a workflow belongs to. */
const KEYWORDS = ['CdcState', 'CdcPipeline'] as const;
/** IndexedValueType of the API. */
const KEYWORD = 2;

/**
 * Registers the search attributes in a namespace where they are missing; without them every
 * workflow task would fail.
 * @throws {SluiceError} `temporal.search-attributes` when the server does not let us
 */
export async function ensureSearchAttributes(client: Client, namespace: string): Promise<void> {
  const { operatorService } = client.connection;
  const present = await operatorService.listSearchAttributes({ namespace });
  const missing = KEYWORDS.filter((name) => present.customAttributes[name] === undefined);
  if (missing.length === 0) return;
  try {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    });
  } catch (cause) {
    const commands = missing.map(
      (name) =>
        `temporal operator search-attribute create --namespace ${namespace} --name ${name} --type Keyword`,
    );
    throw new SluiceError(
      'temporal.search-attributes',
      `Namespace ${namespace} lacks the search attributes ${missing.join(' and ')}, and this worker may not add them. Run: ${commands.join(' ; ')}`,
      { cause },
    );
  }
}
