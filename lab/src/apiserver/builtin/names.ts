// The naming rules of Kubernetes that specs refer to: DNS labels and subdomains, qualified names, label values.
// Each check returns the text of the fault, or undefined.

const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const qualified = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const value = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

export function dnsLabelFault(text: string): string | undefined {
  if (text.length > 63) return 'must be no more than 63 characters';
  if (label.test(text)) return undefined;
  return (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character " +
    "(e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
  );
}

export function dnsSubdomainFault(text: string): string | undefined {
  if (text.length > 253) return 'must be no more than 253 characters';
  if (subdomain.test(text)) return undefined;
  return (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character " +
    "(e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  );
}

/** A label or taint key: an optional DNS prefix and a slash, then a name of at most 63 characters. */
export function qualifiedNameFault(text: string): string | undefined {
  const [prefix, name] = text.includes('/')
    ? [text.slice(0, text.indexOf('/')), text.slice(text.indexOf('/') + 1)]
    : [undefined, text];
  if (prefix !== undefined && (prefix === '' || dnsSubdomainFault(prefix) !== undefined))
    return `prefix part ${dnsSubdomainFault(prefix) ?? 'must be non-empty'}`;
  if (name.length > 63) return 'name part must be no more than 63 characters';
  if (qualified.test(name)) return undefined;
  return (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  );
}

export function labelValueFault(text: string): string | undefined {
  if (text.length > 63) return 'must be no more than 63 characters';
  if (value.test(text)) return undefined;
  return (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
    "(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
  );
}
