import { describe, expect, it } from 'vitest';
import { checkAccess } from '../../src/bigquery/access-check.ts';
import { RESOURCE_MANAGER } from '../../src/bigquery/access-finding.ts';
import { tryAccount } from '../../src/bigquery/account.ts';
import { accountFinding } from '../../src/bigquery/account-finding.ts';
import { googleAuthorization } from '../../src/bigquery/authorization.ts';
import { GOOGLE } from '../../src/bigquery/rest-service.ts';
import { describeWarehouseLife } from './warehouse-life.ts';

/** A project to make datasets in; its tests cost a few cents. See docs/05-bigquery.md. */
const PROJECT = process.env['SLUICE_TEST_BIGQUERY_PROJECT'] ?? '';
const LOCATION = process.env['SLUICE_TEST_BIGQUERY_LOCATION'] ?? 'US';
const KEY_FILE = process.env['SLUICE_TEST_BIGQUERY_KEY_FILE'] ?? '';

const account = KEY_FILE === '' ? {} : { keyFile: KEY_FILE };

describe.skipIf(PROJECT === '')("Google's own BigQuery", () => {
  const at = {
    project: PROJECT,
    location: LOCATION,
    endpoint: GOOGLE,
    authorization: PROJECT === '' ? () => Promise.resolve({}) : googleAuthorization(account),
  };
  describeWarehouseLife(
    'is lived in by a warehouse',
    () => Promise.resolve(at),
    (alive) => {
      it('is found fit by the check, which leaves nothing behind', async () => {
        const trial = await tryAccount(account);
        if (trial.kind === 'failed') throw new Error(accountFinding(trial.failure).message);
        const [internal, views] = alive().datasets;
        const findings = await checkAccess(
          {
            project: PROJECT,
            location: LOCATION,
            member: trial.member,
            datasets: [
              { name: internal, use: 'tables' },
              { name: views, use: 'views' },
            ],
            mayNeedMore: true,
          },
          {
            bigQuery: GOOGLE,
            resourceManager: `https://${RESOURCE_MANAGER}`,
            headers: trial.headers,
          },
        );
        expect(findings.filter(({ severity }) => severity === 'fatal')).toEqual([]);
        for (const dataset of alive().datasets)
          expect(await alive().service.tables(dataset)).not.toContain('_sluice_check');
      });
    },
  );
});
