/**
 * Who may import whom. A folder named for a product is where sockets and files are; a folder named
 * for a domain word never opens one; only src/workers assembles.
 */
const EVERYTHING = Symbol('everything');

const DOMAIN = ['binlog', 'statement', 'capture', 'snapshot', 'topic', 'sink', 'view'];
const PRODUCTS = ['mysql', 'kafka', 'duckdb', 'bigquery', 'temporal'];
const VOCABULARY = ['change', 'errors', 'async'];

const MAY_IMPORT = {
  change: [],
  async: [],
  errors: ['change'],
  binlog: VOCABULARY,
  snapshot: VOCABULARY,
  topic: VOCABULARY,
  statement: [...VOCABULARY, 'topic'],
  capture: [...VOCABULARY, 'binlog', 'statement', 'topic', 'snapshot', 'control'],
  sink: [...VOCABULARY, 'topic'],
  view: [...VOCABULARY, 'sink'],
  control: ['change', 'errors'],
  config: ['change', 'control', 'errors'],
  observability: ['errors', 'async', 'control'],
  ...Object.fromEntries(
    PRODUCTS.map((product) => [product, [...VOCABULARY, ...DOMAIN, 'control', 'observability']]),
  ),
  workflows: ['control', 'change', 'errors', 'activities'],
  activities: [...VOCABULARY, ...DOMAIN, 'control', 'observability'],
  workers: EVERYTHING,
  cli: ['workers', 'config', 'control', 'temporal', 'errors', 'observability'],
};

/** npm packages a folder may use; a folder that is not named here uses none. */
const MAY_USE = {
  config: ['zod', 'yaml'],
  observability: ['pino', 'prom-client'],
  mysql: ['mysql2'],
  kafka: ['kafkajs', '@platformatic/kafka', '@node-rs/crc32'],
  topic: ['@node-rs/crc32'],
  duckdb: ['@duckdb/node-api'],
  bigquery: ['@google-cloud/.*', '@grpc/grpc-js', 'google-auth-library'],
  temporal: ['@temporalio/(client|common|envconfig)'],
  workflows: ['@temporalio/(workflow|common)'],
  activities: ['@temporalio/(activity|common)'],
  workers: ['@temporalio/.*'],
  cli: ['commander'],
};

/** Node builtins a folder may use; a folder that is not named here may use all of them. */
const NODE_FREE = [
  'change',
  'errors',
  'control',
  'workflows',
  'snapshot',
  'statement',
  'sink',
  'view',
];
const BUFFERS_ONLY = ['binlog', 'topic', 'capture'];

const layers = Object.entries(MAY_IMPORT)
  .filter(([, allowed]) => allowed !== EVERYTHING)
  .map(([folder, allowed]) => ({
    name: `${folder}-imports`,
    comment: `src/${folder} may import: ${allowed.join(', ') || 'nothing'}`,
    severity: 'error',
    from: { path: `^src/${folder}/` },
    to: { path: '^src/', pathNot: [folder, ...allowed].map((name) => `^src/${name}/`) },
  }));

const packages = Object.keys(MAY_IMPORT).map((folder) => ({
  name: `${folder}-packages`,
  comment: `src/${folder} may use: ${(MAY_USE[folder] ?? []).join(', ') || 'no package'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    dependencyTypes: ['npm', 'npm-dev', 'npm-no-pkg', 'npm-optional', 'npm-peer'],
    pathNot: (MAY_USE[folder] ?? []).map((name) => `node_modules/${name}/`),
  },
}));

module.exports = {
  forbidden: [
    ...layers,
    ...packages,
    {
      name: 'known-folders-only',
      comment: 'a new folder under src/ states its layer here first',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: Object.keys(MAY_IMPORT).map((name) => `^src/${name}/`) },
    },
    {
      name: 'workflows-see-activity-types-only',
      comment: 'a value import would drag activity code into the workflow sandbox',
      severity: 'error',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-runtime-in-pure-folders',
      comment: 'replayed or pure code has no clock, no files and no sockets',
      severity: 'error',
      from: { path: `^src/(${NODE_FREE.join('|')})/` },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'bytes-only-on-the-hot-path',
      comment: 'decoders and encoders handle bytes; sockets and clocks are handed to them',
      severity: 'error',
      from: { path: `^src/(${BUFFERS_ONLY.join('|')})/` },
      to: { dependencyTypes: ['core'], pathNot: ['^(node:)?(buffer|zlib|crypto)$'] },
    },
    {
      name: 'src-never-imports-tests-or-tools',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|tools|demo|bench)/' },
    },
    {
      name: 'bench-imports',
      comment:
        'the benchmark measures what users run: it may use src and tools, never tests or the demo',
      severity: 'error',
      from: { path: '^bench/' },
      to: { path: '^(test|demo)/' },
    },
    {
      name: 'no-cycles',
      comment: 'type-only edges may close a circle, values may not',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      mainFields: ['main', 'types'],
    },
  },
};
