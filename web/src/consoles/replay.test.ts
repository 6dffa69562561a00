// What is shown of a guest's past when a terminal comes back to it.
import { describe, expect, it } from '@jest/globals';
import { nothingSeen, remember, replayOf, type Seen } from './replay.ts';

const lines = (from: number, to: number, end = '\n'): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}${end}`).join('');
const crlf = '\r\n';
const log = (text: string, pod = 'a'): { pod: string; text: string } => ({ pod, text });
const saw = (text: string, pods = ['a']): Seen => ({ text, pods });

describe('the past of a guest', () => {
  it.each<{
    title: string;
    seen: Seen;
    logs: { pod: string; text: string }[];
    live: string;
    text: string;
    gap: boolean;
  }>([
    {
      ...{ title: 'is all there is, for who sees it for the first time', seen: nothingSeen },
      ...{ logs: [log(lines(1, 3))], live: '', text: lines(1, 3, crlf), gap: false },
    },
    {
      ...{ title: 'is what came after the last line that was seen', seen: saw(lines(1, 5, crlf)) },
      ...{ logs: [log(lines(2, 8))], live: '', text: lines(6, 8, crlf), gap: false },
    },
    {
      ...{ title: 'is nothing where nothing was printed, but the prompt', seen: saw(`${lines(1, 2, crlf)}~ # `) },
      ...{ logs: [log(lines(1, 2))], live: '', text: '~ # ', gap: false },
    },
    {
      ...{ title: 'ends where the live line begins, which may be within a line', seen: saw(lines(1, 3, crlf)) },
      ...{ logs: [log(lines(1, 7))], live: `ne 6${crlf}line 7${crlf}li`, text: `${lines(4, 5, crlf)}li`, gap: false },
    },
    {
      ...{ title: 'ends where the live line begins, though the log is further', seen: saw(lines(1, 3, crlf)) },
      ...{ logs: [log(lines(1, 7))], live: `line 5${crlf}li`, text: lines(4, 4, crlf), gap: false },
    },
    {
      ...{ title: 'goes on at the next place of a guest that moved', seen: saw(lines(1, 4, crlf)) },
      ...{ logs: [log(lines(1, 6)), log(lines(7, 9), 'b')], live: '', text: lines(5, 9, crlf), gap: false },
    },
    {
      ...{ title: 'has a gap where the log of the place before is gone', seen: saw(lines(1, 4, crlf)) },
      ...{ logs: [log(lines(7, 9), 'b')], live: '', text: lines(7, 9, crlf), gap: true },
    },
    {
      ...{
        title: 'has a gap where more was printed than the log has, and is not shown twice',
        seen: saw(lines(1, 4, crlf)),
      },
      ...{ logs: [log(lines(700, 703))], live: `line 704${crlf}`, text: '', gap: true },
    },
    {
      ...{ title: 'tells repeated lines by those before them', seen: saw(`one${crlf}tick${crlf}tick${crlf}`) },
      ...{ logs: [log('one\ntick\ntick\ntick\ntwo\n')], live: '', text: `tick${crlf}two${crlf}`, gap: false },
    },
  ])('$title', ({ seen, logs, live, text, gap }) => {
    expect(replayOf(seen, logs, live)).toMatchObject({ text, gap });
  });

  it('is not settled while the log is behind the live line', () => {
    const seen = saw(lines(1, 3, crlf));
    const live = `line 6${crlf}`;
    expect(replayOf(seen, [log(lines(1, 4))], live).joined).toBe(false);
    expect(replayOf(seen, [log(lines(1, 6))], live)).toEqual({ text: lines(4, 5, crlf), gap: false, joined: true });
    expect(replayOf(seen, [log(lines(1, 3))], 'a prompt').joined).toBe(true);
  });

  it('together with what was seen and what comes live is what the guest printed, wherever the line broke', () => {
    const printed = `${lines(1, 40, crlf)}~ # echo${crlf}echo${crlf}${lines(41, 60, crlf)}`;
    for (let broke = 30; broke < printed.length; broke += 7) {
      for (let back = broke; back < printed.length; back += 31) {
        const seen = remember(nothingSeen, printed.slice(0, broke), ['a']);
        const live = printed.slice(back);
        const { text } = replayOf(seen, [log(printed.replaceAll('\r', ''))], live);
        const unfinished = seen.text.slice(seen.text.lastIndexOf('\n') + 1);
        const shown = seen.text.slice(0, seen.text.length - unfinished.length) + text + live;
        expect(shown.replaceAll('\r', '')).toBe(printed.replaceAll('\r', ''));
      }
    }
  });
});
