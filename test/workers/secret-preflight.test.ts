import { describe, expect, it } from 'vitest';
import { DEFAULT_SECRETS } from '../../src/config/secret.ts';
import { secretFindings } from '../../src/workers/secret-preflight.ts';
import { aPipelineSpec } from '../support/pipeline-spec.ts';

const { source, kafka } = aPipelineSpec();

describe('the check of the secrets that a file names', () => {
  it('finds nothing where every worker opens them', () => {
    const spec = aPipelineSpec({ source: { ...source, password: { env: 'SLUICE_PW' } } });
    expect(secretFindings(spec, DEFAULT_SECRETS)).toEqual([]);
  });

  it('warns of those that a worker does not open, with the command that has all of them', () => {
    const password = { env: 'SLUICE_KAFKA_PASSWORD' };
    const spec = aPipelineSpec({
      source: { ...source, password: { env: 'PW' }, tls: { verify: true, ca: '/etc/shop/ca.pem' } },
      kafka: { ...kafka, sasl: { mechanism: 'scram-sha-512', username: 'cdc', password } },
    });
    expect(secretFindings(spec, DEFAULT_SECRETS)).toEqual([
      {
        check: 'secrets',
        severity: 'warning',
        message:
          'A worker opens PW, /etc/shop/ca.pem only when it is started with a list that has them.',
        fixCommand:
          "sluice worker --secret-env 'SLUICE_*' --secret-env 'PW' --secret-dir '/etc/shop'",
      },
    ]);
  });
});
