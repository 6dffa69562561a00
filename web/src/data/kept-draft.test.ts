import { describe, expect, it } from '@jest/globals';
import { firstDraft, firstFile } from './draft.ts';
import { KeptDrafts } from './kept-draft.ts';

function aStore(room = Infinity) {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => {
      if (value.length > room) throw new Error('QuotaExceededError');
      values.set(key, value);
    },
    removeItem: (key: string) => void values.delete(key),
  };
}
const draft = { ...firstDraft, name: 'render', namespace: 'team-a' };

describe('a draft in the browser', () => {
  it('comes back to the same user, and to nobody else', () => {
    const store = aStore();
    new KeptDrafts(store, 'ann', () => 1).keep(draft);
    expect(new KeptDrafts(store, 'ann', () => 2).read()).toEqual({ at: 1, draft, lost: [] });
    expect(new KeptDrafts(store, 'ben', () => 2).read()).toBeUndefined();
  });

  it('holds no text of any file, and says which are gone', () => {
    const store = aStore();
    const kept = new KeptDrafts(store, 'ann', () => 1);
    const secret = {
      ...firstFile,
      path: '/root/key',
      from: 'secret' as const,
      content: 'before',
      secretName: 'k',
      secretKey: 'v',
    };
    kept.keep({ ...draft, files: [{ ...firstFile, path: '/root/pw', content: 'hunter2' }, secret] });
    expect([...store.values.values()].join()).not.toMatch(/hunter2|before/);
    expect(kept.read()).toMatchObject({ lost: ['/root/pw'], draft: { files: [{ ...secret, content: '' }] } });
  });

  it('is gone after a week, when it is forgotten, when nobody can read it, and when there is no room', () => {
    const store = aStore();
    new KeptDrafts(store, 'ann', () => 0).keep(draft);
    const week = 7 * 24 * 3_600_000;
    expect(new KeptDrafts(store, 'ann', () => week - 1).read()).toBeDefined();
    expect(new KeptDrafts(store, 'ann', () => week).read()).toBeUndefined();
    store.setItem('idlewild-draft:ann', '{');
    expect(new KeptDrafts(store, 'ann', () => 0).read()).toBeUndefined();
    expect(store.values.size).toBe(0);
    const full = new KeptDrafts(aStore(10), 'ann', () => 0);
    full.keep(draft);
    expect(full.read()).toBeUndefined();
  });
});
