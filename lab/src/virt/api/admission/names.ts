// Kubernetes' rules for names, with the words that it refuses a bad one with (apimachinery pkg/util/validation).
// Pure.
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LONGEST_LABEL = 63;

/** Why a text is no RFC 1123 label, or undefined when it is one. */
export function notALabel(text: string): string | undefined {
  if (text.length > LONGEST_LABEL) return `must be no more than ${LONGEST_LABEL} characters`;
  if (LABEL.test(text)) return undefined;
  return (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
    "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  );
}
