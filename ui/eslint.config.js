import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import ts from 'typescript-eslint';

export default ts.config(
  { ignores: ['node_modules', 'src/api/schema.d.ts'] },
  js.configs.recommended,
  ...ts.configs.strict,
  hooks.configs.flat['recommended-latest'],
  {
    rules: {
      // Whatever came from outside is shown as text; nothing may open a way around that.
      'no-restricted-syntax': [
        'error',
        { selector: 'JSXAttribute[name.name="dangerouslySetInnerHTML"]', message: 'Text is text.' },
        { selector: 'AssignmentExpression[left.property.name="innerHTML"]', message: 'Text is text.' },
      ],
    },
  },
  {
    files: ['e2e/**'],
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', document: 'readonly', window: 'readonly',
        setTimeout: 'readonly', URL: 'readonly', performance: 'readonly', fetch: 'readonly', getComputedStyle: 'readonly' },
    },
  },
);
