// Finds members that a JSON text names twice, which JSON.parse hides: strict field validation refuses them. Expects a
// text that JSON.parse accepts.

/** Paths such as `spec.size` or `spec.parts[0].name`, in the order of their second appearance. */
export function duplicateFields(text: string): string[] {
  const found: string[] = [];
  let at = 0;

  const skipSpace = (): void => {
    while (at < text.length && text.charCodeAt(at) <= 32) at += 1;
  };
  const string = (): string => {
    const start = at;
    at += 1;
    while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
    at += 1;
    return JSON.parse(text.slice(start, at)) as string;
  };
  const object = (path: string): void => {
    const seen = new Set<string>();
    at += 1;
    for (skipSpace(); text[at] !== '}'; skipSpace()) {
      const name = string();
      const member = path === '' ? name : `${path}.${name}`;
      if (seen.has(name)) found.push(member);
      seen.add(name);
      skipSpace();
      at += 1;
      value(member);
      skipSpace();
      if (text[at] === ',') at += 1;
    }
    at += 1;
  };
  const array = (path: string): void => {
    at += 1;
    let index = 0;
    for (skipSpace(); text[at] !== ']'; skipSpace()) {
      value(`${path}[${index}]`);
      index += 1;
      skipSpace();
      if (text[at] === ',') at += 1;
    }
    at += 1;
  };
  const value = (path: string): void => {
    skipSpace();
    if (text[at] === '{') object(path);
    else if (text[at] === '[') array(path);
    else if (text[at] === '"') string();
    else while (at < text.length && !',]}'.includes(text[at] as string)) at += 1;
  };
  value('');
  return found;
}
