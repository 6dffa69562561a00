// Lint holds the rules that keep the shape of the code: promises are never floating, decisions are pure, layers point one way.
import tseslint from 'typescript-eslint';

const wordlessNames = {
  regex: '/(utils?|helpers?|common|misc|manager)(\\.ts|/|$)',
  message: 'A name must say what is inside.',
};
const noKube = { regex: '/kube/', message: 'A decision reads a snapshot; input and output belong to reconcile.ts.' };
const noNode = { regex: '^node:', message: 'A decision has no input or output.' };
const noLabInOperator = { regex: '^@idlewild/lab', message: 'The operator must not know that a lab exists.' };
const labUsesRuntimeOnly = {
  regex: '^@idlewild/operator/(?!(api|kube)/)',
  message: 'The lab may use the operator only through its api/ and kube/ folders.',
};
const webKnowsTheApiOnly = {
  regex:
    '^@idlewild/operator/(?!(api/|portal/(schemas|console-schemas|history-schemas|rows|login-troubles|job-limits)\\.ts$))',
  message: 'Pages know the portal by its API: its schemas, words and limits, and how rows are made of objects.',
};
const noModal = {
  name: '@mantine/core',
  importNames: ['Modal', 'Drawer'],
  message: 'As it comes it breaks the policy of our pages: use ui/dialog.tsx.',
};
const noReconcile = { regex: '/reconcile\\.ts$', message: 'The server reads the model; it never calls a reconciler.' };
const impureGlobals = ['setTimeout', 'setInterval', 'fetch', 'process'].map((name) => ({
  name,
  message: 'Decisions are pure: pass the value in.',
}));
const impureCalls = [
  { selector: "MemberExpression[object.name='Date'][property.name='now']", message: 'Pass the time in.' },
  { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'Pass the time in.' },
  { selector: "MemberExpression[object.name='Math'][property.name='random']", message: 'Pass randomness in.' },
];

export default tseslint.config(
  { ignores: ['node_modules/', '.lab/', 'web/dist/', 'web/public/', 'operator/src/api/compute-job.ts'] },
  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommended],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-imports': ['error', { patterns: [wordlessNames] }],
    },
  },
  {
    files: ['operator/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [wordlessNames, noLabInOperator] }] },
  },
  {
    files: ['operator/**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [wordlessNames] }] },
  },
  {
    files: ['operator/src/server/**/*.ts', 'operator/src/portal/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [wordlessNames, noLabInOperator, noReconcile] }] },
  },
  {
    files: ['web/src/**/*.ts', 'web/src/**/*.tsx'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [noModal], patterns: [wordlessNames, noLabInOperator, webKnowsTheApiOnly] },
      ],
    },
  },
  {
    files: ['web/src/ui/dialog.tsx'],
    rules: { 'no-restricted-imports': ['error', { patterns: [wordlessNames, noLabInOperator, webKnowsTheApiOnly] }] },
  },
  {
    files: ['lab/**/*.ts'],
    rules: { 'no-restricted-imports': ['error', { patterns: [wordlessNames, labUsesRuntimeOnly] }] },
  },
  {
    files: ['**/decide.ts', 'operator/src/queue/*.ts', 'operator/src/model/*.ts', 'operator/src/render/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': ['error', { patterns: [wordlessNames, noKube, noNode, noLabInOperator] }],
      'no-restricted-globals': ['error', ...impureGlobals],
      'no-restricted-syntax': ['error', ...impureCalls],
    },
  },
);
