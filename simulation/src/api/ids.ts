// Uids and generated names by counting, so that two runs give the same ones.

export function uidOf(count: number): string {
  return `00000000-0000-4000-8000-${count.toString(16).padStart(12, '0')}`;
}

/** Kubernetes' alphabet for generated names. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** The generated end of a name. */
export function suffixOf(count: number): string {
  let text = '';
  for (let i = 0, rest = count; i < 5; i++, rest = Math.floor(rest / alphabet.length)) {
    text = `${alphabet[rest % alphabet.length]}${text}`;
  }
  return text;
}
