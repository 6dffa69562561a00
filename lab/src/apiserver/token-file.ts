// Static tokens, in the file format of kube-apiserver's --token-auth-file: `token,user,uid,"group1,group2"` per line.

import { readFile } from 'node:fs/promises';
import type { StaticToken } from './registry/types.ts';

/** Throws with the number of a line that does not parse. */
export async function readTokenFile(file: string): Promise<StaticToken[]> {
  return parseTokens(await readFile(file, 'utf8'));
}

export function parseTokens(text: string): StaticToken[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [token = '', user = '', uid = '', groups = ''] = columns(line);
    if (token === '' || user === '') throw new Error(`token file line ${index + 1}: a token and a user are required`);
    const list = groups.split(',').filter((group) => group !== '');
    return [{ token, user, ...(uid === '' ? {} : { uid }), groups: list }];
  });
}

function columns(line: string): string[] {
  return (line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? []).map((column) => {
    const bare = column.replace(/,$/, '').trim();
    return bare.startsWith('"') ? bare.slice(1, -1).replaceAll('""', '"') : bare;
  });
}
