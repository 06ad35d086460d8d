import { describe, expect, it } from 'vitest';
import { type AccessWish, checkAccess } from '../../src/bigquery/access-check.ts';
import { datasetPermissions } from '../../src/bigquery/access-finding.ts';
import type { Finding } from '../../src/control/finding.ts';
import { type Asked, denied, googleServer, refused, type Told, told } from './google-server.ts';

const MEMBER = 'serviceAccount:sluice@acme.iam.gserviceaccount.com';
const WISH: AccessWish = {
  project: 'acme',
  location: 'EU',
  member: MEMBER,
  datasets: [
    { name: 'sluice_shop', use: 'tables' },
    { name: 'shop', use: 'views' },
  ],
  mayNeedMore: false,
};

interface Trial {
  readonly wish?: Partial<AccessWish>;
  /** Answers other than those of an account with every right; asked first. */
  readonly but?: (asked: Asked) => Told | undefined;
  readonly isEmulator?: boolean;
}

const sqlOf = ({ body }: Asked): string =>
  (body as { configuration?: { query?: { query?: string } } } | undefined)?.configuration?.query
    ?.query ?? '';

const permissionsOf = ({ body }: Asked): readonly string[] =>
  (body as { permissions: readonly string[] }).permissions;

/** What views of the sink read. */
const OWN_QUERY = 'SELECT c.id FROM `acme`.`sluice_shop`.`shop__orders__changes` AS c';

function allowed(asked: Asked): Told {
  if (asked.path.endsWith(':testIamPermissions'))
    return told({ permissions: permissionsOf(asked) });
  if (asked.path.endsWith('/serviceAccount'))
    return told({ email: 'bq-42@bigquery-encryption.iam.gserviceaccount.com' });
  if (asked.path.includes('/tables?'))
    return told({
      tables: [
        { type: 'VIEW', tableReference: { tableId: '_cdc_status' } },
        { type: 'TABLE', tableReference: { tableId: '_cdc_checkpoints' } },
      ],
    });
  if (asked.path.includes('/routines?'))
    return told({ routines: [{ routineReference: { routineId: 'orders__as_of' } }] });
  if (asked.path.includes('/shop/tables/')) return told({ view: { query: OWN_QUERY } });
  if (asked.path.includes('/shop/routines/')) return told({ definitionBody: OWN_QUERY });
  if (asked.path.endsWith('/jobs')) return told({ statistics: { totalBytesProcessed: '0' } });
  return told({ location: 'EU' });
}

/** What is wrong, and all that was asked. */
async function look({ wish = {}, but = () => undefined, isEmulator = false }: Trial = {}): Promise<{
  readonly wrong: readonly Finding[];
  readonly asked: readonly Asked[];
}> {
  await using server = await googleServer((asked) => but(asked) ?? allowed(asked));
  const findings = await checkAccess(
    { ...WISH, ...wish },
    {
      bigQuery: server.url,
      headers: {},
      ...(isEmulator ? {} : { resourceManager: server.url }),
    },
  );
  return { wrong: findings.filter(({ severity }) => severity !== 'ok'), asked: server.asked };
}

/** Answers one kind of request otherwise. */
const when =
  (is: (asked: Asked) => boolean, answer: Told) =>
  (asked: Asked): Told | undefined =>
    is(asked) ? answer : undefined;

const accessDenied = (message: string): Told => refused(403, 'accessDenied', message);
const isList = ({ path }: Asked): boolean => path.endsWith('/datasets?maxResults=1');
const isJob = ({ path }: Asked): boolean => path.endsWith('/jobs');
const isProjectIam = ({ path }: Asked): boolean => path.startsWith('/v1/projects/');
const isShop = ({ path }: Asked): boolean => path.endsWith('/datasets/shop');
const isEditor = (sql: RegExp) => (asked: Asked) => isJob(asked) && sql.test(sqlOf(asked));

describe('the check of a sink in BigQuery', () => {
  it('finds nothing wrong where the account has every right, and makes nothing', async () => {
    const { wrong, asked } = await look();
    expect(wrong).toEqual([]);
    const posts = asked.filter(({ method }) => method === 'POST');
    const dry = (post: Asked): boolean =>
      (post.body as { configuration?: { dryRun?: boolean } }).configuration?.dryRun === true;
    expect(
      posts.filter((post) => !dry(post) && !post.path.endsWith(':testIamPermissions')),
    ).toEqual([]);
  });

  it.each<[string, (asked: Asked) => Told | undefined, Partial<Finding>]>([
    [
      'credentials that BigQuery does not know',
      when(isList, refused(401, 'authError', 'Invalid Credentials')),
      { check: 'project', message: expect.stringContaining('401') as string },
    ],
    [
      'a project that is not there',
      when(isList, refused(404, 'notFound', 'Not found: Project acme')),
      { check: 'project', message: 'There is no project acme, by its id.' },
    ],
    [
      'an API that is not enabled',
      when(
        isList,
        refused(403, 'accessNotConfigured', 'BigQuery API has not been used in project'),
      ),
      {
        check: 'project',
        fixCommand: 'gcloud services enable bigquery.googleapis.com --project=acme',
      },
    ],
    [
      'a host whose scopes leave BigQuery out',
      when(
        isList,
        denied(
          'ACCESS_TOKEN_SCOPE_INSUFFICIENT',
          'Request had insufficient authentication scopes.',
        ),
      ),
      { check: 'project', message: expect.stringContaining('scope cloud-platform') as string },
    ],
    [
      'no bigquery.jobs.create',
      when(
        isJob,
        accessDenied(
          'Access Denied: Project acme: User does not have bigquery.jobs.create permission in project acme.',
        ),
      ),
      {
        check: 'jobs',
        fixCommand: `gcloud projects add-iam-policy-binding acme --member=${MEMBER} --role=roles/bigquery.jobUser`,
      },
    ],
    [
      'a quota, which no grant cures',
      when(isJob, refused(403, 'quotaExceeded', 'Quota exceeded: dry runs')),
      {
        check: 'jobs',
        message: 'A query of nothing is refused: 403 quotaExceeded. Quota exceeded: dry runs',
      },
    ],
    [
      'a policy of the organisation, which no grant cures',
      when(
        isList,
        denied('SECURITY_POLICY_VIOLATED', 'VPC Service Controls: Request is prohibited'),
      ),
      {
        check: 'project',
        message: expect.stringContaining('403 SECURITY_POLICY_VIOLATED') as string,
      },
    ],
    [
      'a location that is none',
      when(isJob, refused(400, 'invalid', 'Cannot parse MARS as CloudRegion.')),
      { check: 'location', message: expect.stringContaining('Cannot parse MARS') as string },
    ],
    [
      'a dataset in another location',
      when(isShop, told({ location: 'US' })),
      { check: 'datasets.shop', message: expect.stringContaining('cannot be changed') as string },
    ],
    [
      'a dataset that may not be looked at',
      when(
        isShop,
        accessDenied(
          'Access Denied: Dataset acme:shop: Permission bigquery.datasets.get denied on dataset acme:shop (or it may not exist).',
        ),
      ),
      {
        check: 'datasets.shop',
        fixSql: `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`acme\`.\`shop\` TO "${MEMBER}"`,
        fixCommand: `gcloud projects add-iam-policy-binding acme --member=${MEMBER} --role=roles/bigquery.user`,
      },
    ],
    [
      'a dataset in which no table may be made',
      when(
        isEditor(/`sluice_shop`.*AS SELECT/),
        accessDenied(
          'Access Denied: Dataset acme:sluice_shop: Permission bigquery.tables.create denied on dataset acme:sluice_shop (or it may not exist).',
        ),
      ),
      {
        check: 'datasets.sluice_shop',
        message: 'The account lacks bigquery.tables.create in dataset sluice_shop.',
        fixSql: `GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`acme\`.\`sluice_shop\` TO "${MEMBER}"`,
      },
    ],
    [
      'a dataset in which no function may be made',
      when(isEditor(/CREATE TABLE FUNCTION/), accessDenied('Access Denied')),
      {
        check: 'datasets.shop',
        message: 'The account lacks bigquery.routines.create in dataset shop.',
      },
    ],
    [
      'tables that the account may read and not write',
      (asked) =>
        asked.path.endsWith('/tables/_cdc_checkpoints:testIamPermissions')
          ? told({ permissions: ['bigquery.tables.get', 'bigquery.tables.getData'] })
          : undefined,
      {
        check: 'datasets.sluice_shop',
        message:
          'The account lacks bigquery.tables.update, bigquery.tables.updateData, bigquery.tables.delete in dataset sluice_shop.',
      },
    ],
    [
      'functions that the account may not replace',
      when(({ path }) => path.endsWith('/routines/orders__as_of:testIamPermissions'), told({})),
      {
        check: 'datasets.shop',
        message:
          'The account lacks bigquery.routines.get, bigquery.routines.update, bigquery.routines.delete in dataset shop.',
      },
    ],
    [
      'a permission that nobody thought of, which a refusal names',
      when(
        isEditor(/`shop`.*AS SELECT/),
        accessDenied('Permission bigquery.tags.use denied on acme'),
      ),
      { check: 'datasets.shop', message: 'The account lacks bigquery.tags.use in dataset shop.' },
    ],
    [
      'a dataset that is not there and may not be made',
      (asked) =>
        isShop(asked)
          ? refused(404, 'notFound', 'Not found: Dataset acme:shop')
          : isProjectIam(asked)
            ? told({ permissions: ['bigquery.tables.create'] })
            : undefined,
      {
        check: 'datasets',
        message: expect.stringContaining('has to make datasets: shop') as string,
        fixCommand: `gcloud projects add-iam-policy-binding acme --member=${MEMBER} --role=roles/bigquery.user`,
      },
    ],
  ])('is stopped by %s', async (_, but, expected) => {
    const { wrong } = await look({ but });
    expect(wrong).toHaveLength(1);
    expect(wrong[0]).toMatchObject({ severity: 'fatal', ...expected });
  });

  it('warns of what another pipeline or a person has made in a dataset of views', async () => {
    const answers: Readonly<Record<string, unknown>> = {
      '/tables?': {
        tables: ['orders', 'mine', 'by_hand', 'a_table'].map((tableId) => ({
          type: 'VIEW',
          tableReference: { tableId },
        })),
      },
      '/routines?': {
        routines: ['mine__as_of', 'orders__as_of'].map((routineId) => ({
          routineReference: { routineId },
        })),
      },
      '/tables/orders': {
        view: { query: 'SELECT c.id FROM `acme`.`sluice_eu`.`shop__orders__changes` AS c' },
      },
      '/tables/by_hand': {
        view: { query: 'SELECT s.table_name FROM `acme`.`sluice_shop`.`_cdc_status` AS s' },
      },
      '/tables/a_table': { type: 'TABLE' },
      '/routines/orders__as_of': { definitionBody: 'SELECT 1 AS one' },
    };
    const { wrong } = await look({
      but: ({ path }) => {
        const known = Object.keys(answers).find(
          (end) =>
            path.includes('/datasets/shop/') && (path.endsWith(end) || path.includes(`${end}max`)),
        );
        return known === undefined ? undefined : told(answers[known]);
      },
    });
    expect(wrong).toMatchObject([{ check: 'datasets.shop.names', severity: 'warning' }]);
    expect(wrong[0]?.message).toContain(': a_table, by_hand, orders, orders__as_of. A captured');
    expect(wrong[0]?.message).toContain('bigquery.table-refused');
  });

  it('says how many of the names in a large dataset it has not looked at', async () => {
    const tables = Array.from({ length: 230 }, (_, index) => ({
      type: 'TABLE',
      tableReference: { tableId: `t${index}` },
    }));
    const { wrong } = await look({
      but: ({ path }) => {
        if (path.includes('/datasets/shop/tables?')) return told({ tables });
        return /\/datasets\/shop\/tables\/t\d+$/.test(path) ? told({ type: 'TABLE' }) : undefined;
      },
    });
    expect(wrong[0]?.message).toContain('and 190 more. A captured');
    expect(wrong[0]?.message).toContain('Another 31 were not looked at.');
  });

  it('has nothing of the project that the sink does not use: datasets made beforehand will do', async () => {
    const { wrong } = await look({ but: when(isProjectIam, told({})) });
    expect(wrong).toEqual([]);
  });

  it('warns of databases yet to come where no dataset can be made', async () => {
    const { wrong } = await look({
      wish: { mayNeedMore: true },
      but: when(isProjectIam, told({})),
    });
    expect(wrong).toMatchObject([{ check: 'datasets', severity: 'warning' }]);
  });

  it('warns where permissions of the project cannot be listed, and tries the rest', async () => {
    const { wrong, asked } = await look({
      but: when(
        isProjectIam,
        denied('SERVICE_DISABLED', 'Cloud Resource Manager API has not been used in project 42'),
      ),
    });
    expect(wrong).toEqual([
      {
        check: 'permissions',
        severity: 'warning',
        message:
          'Permissions on the project could not be listed (403 SERVICE_DISABLED); only those are known that could be tried.',
        fixCommand: 'gcloud services enable cloudresourcemanager.googleapis.com --project=acme',
      },
    ]);
    expect(asked.filter((job) => sqlOf(job).startsWith('CREATE'))).toHaveLength(3);
  });

  it('says what could not be told of an empty dataset, and guesses nothing', async () => {
    await using server = await googleServer((asked) =>
      isProjectIam(asked)
        ? told({})
        : asked.path.includes('/tables?')
          ? told({ totalItems: 0 })
          : allowed(asked),
    );
    const findings = await checkAccess(
      { ...WISH, datasets: [{ name: 'sluice_shop', use: 'tables' }] },
      { bigQuery: server.url, resourceManager: server.url, headers: {} },
    );
    const { message = '' } = findings.find(({ check }) => check === 'datasets.sluice_shop') ?? {};
    const [, untold = ''] = message.split('before something is in it: ');
    expect(untold).toContain('bigquery.tables.updateData');
    expect(untold).not.toContain('bigquery.tables.create');
    expect(datasetPermissions('tables')).toEqual(
      expect.arrayContaining(untold.slice(0, -1).split(', ')),
    );
  });

  it('names a stand-in in the grant, where nobody can tell whose credentials these are', async () => {
    const { wrong } = await look({
      wish: { member: undefined },
      but: when(isJob, accessDenied('Access Denied')),
    });
    expect(wrong[0]?.fixCommand).toContain('--member=MEMBER --role=roles/bigquery.jobUser');
    expect(wrong[0]?.message).toContain('MEMBER stands for the account');
  });

  it('asks an emulator for its project and a query, and for no permission', async () => {
    const { wrong, asked } = await look({ isEmulator: true });
    expect(wrong).toEqual([]);
    expect(asked.map(({ path }) => path)).toEqual([
      '/bigquery/v2/projects/acme/datasets?maxResults=1',
      '/bigquery/v2/projects/acme/jobs',
    ]);
  });

  it('says that nobody answers', async () => {
    const { url } = await closedServer();
    const findings = await checkAccess(WISH, { bigQuery: url, headers: {} });
    expect(findings).toMatchObject([
      { severity: 'fatal', message: 'No answer from BigQuery: ECONNREFUSED.' },
    ]);
  });

  it.each<[string, string, readonly Partial<Finding>[]]>([
    [
      'a key that BigQuery itself may not use yet',
      'projects/acme/locations/europe/keyRings/r/cryptoKeys/k',
      [
        {
          check: 'datasets.sluice_shop',
          severity: 'fatal',
          fixSql:
            "ALTER SCHEMA `acme`.`sluice_shop` SET OPTIONS (default_kms_key_name = 'projects/acme/locations/europe/keyRings/r/cryptoKeys/k')",
        },
        {
          check: 'kmsKey',
          severity: 'warning',
          fixCommand:
            'gcloud kms keys add-iam-policy-binding k --project=acme --location=europe --keyring=r --member=serviceAccount:bq-42@bigquery-encryption.iam.gserviceaccount.com --role=roles/cloudkms.cryptoKeyEncrypterDecrypter',
        },
      ],
    ],
    [
      'a key in another location',
      'projects/acme/locations/us/keyRings/r/cryptoKeys/k',
      [
        {
          check: 'kmsKey',
          severity: 'fatal',
          message: expect.stringContaining('europe') as string,
        },
      ],
    ],
    [
      'a name that is no key',
      'projects/acme/k',
      [
        {
          check: 'kmsKey',
          severity: 'fatal',
          message: expect.stringContaining('keyRings') as string,
        },
      ],
    ],
  ])('says what is missing for %s', async (_, kmsKey, expected) => {
    const { wrong } = await look({ wish: { kmsKey } });
    expect(wrong).toMatchObject(expected);
  });
});

/** An address at which a server was, and is no more. */
async function closedServer(): Promise<{ readonly url: string }> {
  await using server = await googleServer(() => told({}));
  return { url: server.url };
}
