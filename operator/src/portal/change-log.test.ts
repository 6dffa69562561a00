import { describe, expect, it } from '@jest/globals';
import { ChangeLog } from './change-log.ts';

const change = (key: string, row?: string) => ({ key, namespace: 'a', ...(row === undefined ? {} : { row }) });

function begun(capacity?: number): ChangeLog<string> {
  const log = new ChangeLog<string>(capacity);
  log.add(change('x', 'first'), '5');
  log.add(change('y', 'first'), '9');
  log.begin();
  return log;
}
const keys = (log: ChangeLog<string>, position: string) => log.since(position)?.map(({ key, row }) => [key, row]);

describe('a log of changes', () => {
  it('tells what came after a position, the latest of each row', () => {
    const log = begun();
    expect(log.position).toBe('9');
    log.add(change('x', 'second'), '11');
    log.add(change('y'), '12');
    log.add(change('x', 'third'), '13');
    expect(keys(log, '9')).toEqual([
      ['x', 'third'],
      ['y', undefined],
    ]);
    expect(keys(log, '12')).toEqual([['x', 'third']]);
    expect(keys(log, '13')).toEqual([]);
  });

  it.each(['8', '14', '', 'abc', '-1'])('does not vouch for the position %j', (position) => {
    const log = begun();
    log.add(change('x', 'second'), '13');
    expect(log.since(position)).toBeUndefined();
  });

  it('vouches for nothing before the first list is whole', () => {
    expect(new ChangeLog<string>().since('0')).toBeUndefined();
  });

  it('forgets positions when a change was found out of its turn', () => {
    const log = begun();
    log.add(change('x', 'second'), '11');
    log.add(change('y'), '9');
    expect(log.since('11')).toBeUndefined();
    log.add(change('x', 'third'), '12');
    expect(keys(log, '12')).toEqual([]);
  });

  it('is bounded', () => {
    const log = begun(4);
    for (let version = 10; version < 20; version++) log.add(change(`row-${version}`, 'new'), String(version));
    expect(log.since('9')).toBeUndefined();
    expect(keys(log, '18')).toEqual([['row-19', 'new']]);
  });
});
