import tseslint from 'typescript-eslint';

/** Folders whose code Temporal replays: nothing there may reach for the runtime. */
const WORKFLOW_SAFE = ['workflows', 'control', 'change', 'errors'];

const RUNTIME_GLOBALS = [
  'Buffer',
  'process',
  'fetch',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'performance',
];

export default tseslint.config(
  {
    ignores: ['node_modules/', 'dist/', 'coverage/', '.sluice/', '**/*.js', '**/*.cjs', '**/*.mjs'],
  },
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'no-console': 'error',

      // `() => stream.destroy()` says what it does; braces around it say nothing more.
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      // Ports are async by contract, also where an implementation has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // Unions and records are both used on purpose.
      '@typescript-eslint/consistent-type-definitions': 'off',
      // A callback that may be async is `void | Promise<void>`.
      '@typescript-eslint/no-invalid-void-type': 'off',
      // tsc's noPropertyAccessFromIndexSignature asks for the opposite.
      '@typescript-eslint/dot-notation': 'off',
      // tsc reports both, with the same opinion about leading underscores.
      '@typescript-eslint/no-unused-vars': 'off',
      // `while (true)` is the honest head of a loop that ends by return.
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
    },
  },
  {
    files: WORKFLOW_SAFE.map((folder) => `src/${folder}/**/*.ts`),
    rules: { 'no-restricted-globals': ['error', ...RUNTIME_GLOBALS] },
  },
  {
    // A terminal is what these programs write to.
    files: ['src/cli/**/*.ts', 'tools/**/*.ts', 'demo/**/*.ts', 'bench/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      // Brands are made here from literals, without their parser.
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
      // Parsed JSON is compared whole.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
);
