// Lists in pages, and what selectors choose.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal } from './refusals.ts';
import { testSubject, type Space } from './subject.ts';
import { configMap, thing } from './thing.ts';

const subject = testSubject({ defines: true });

const names = (items: readonly { readonly metadata: { readonly name: string } }[]) =>
  items.map(({ metadata }) => metadata.name);

async function seven(): Promise<Space> {
  const space = await subject.space();
  for (let i = 0; i < 7; i += 1) {
    const labels = { n: String(i), parity: i % 2 === 0 ? 'even' : 'odd', ...(i > 3 ? { big: '' } : {}) };
    await subject.made(
      subject.post(
        space.things,
        thing(subject.group, `t${i}`, { size: i + 1, mode: i < 2 ? 'Fast' : 'Slow' }, { labels }),
      ),
    );
  }
  return space;
}

describe('a list in pages', () => {
  it('shows everything once, and one state on all pages', async () => {
    const { things } = await seven();
    const first = await subject.made(subject.get(`${things}?limit=3`));
    expect(names(first.items)).toEqual(['t0', 't1', 't2']);
    expect(first.metadata.remainingItemCount).toBe(4);
    await subject.made(subject.delete(`${things}/t4`));
    await subject.made(subject.post(things, thing(subject.group, 't9')));
    const token = encodeURIComponent(first.metadata.continue ?? '');
    const second = await subject.made(subject.get(`${things}?limit=3&continue=${token}`));
    expect(names(second.items)).toEqual(['t3', 't4', 't5']);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const last = await subject.made(
      subject.get(`${things}?limit=3&continue=${encodeURIComponent(second.metadata.continue ?? '')}`),
    );
    expect([names(last.items), last.metadata.continue ?? '']).toEqual([['t6'], '']);
    expect(last.metadata.remainingItemCount).toBeUndefined();
  });

  it('does not count what remains of a selection', async () => {
    const { things } = await seven();
    const first = await subject.made(subject.get(`${things}?limit=2&labelSelector=parity%3Deven`));
    expect(names(first.items)).toEqual(['t0', 't2']);
    expect(first.metadata.remainingItemCount).toBeUndefined();
    const rest = await subject.made(
      subject.get(
        `${things}?labelSelector=parity%3Deven&continue=${encodeURIComponent(first.metadata.continue ?? '')}`,
      ),
    );
    expect(names(rest.items)).toEqual(['t4', 't6']);
  });

  it('is refused what is no limit and no token', async () => {
    const { things } = await seven();
    expectRefusal(await subject.get(`${things}?limit=x`), {
      code: 400,
      reason: 'BadRequest',
      message: 'strconv.ParseInt: parsing "x": invalid syntax',
    });
    expectRefusal(await subject.get(`${things}?continue=%21%21`), {
      code: 400,
      reason: 'BadRequest',
      message: 'invalid continue token: continue key is not valid',
    });
    const { metadata } = await subject.made(subject.get(`${things}?limit=3`));
    const token = encodeURIComponent(metadata.continue ?? '');
    expectRefusal(await subject.get(`${things}?limit=3&continue=${token}&resourceVersion=5`), {
      code: 400,
      reason: 'BadRequest',
      message: 'specifying resource version is not allowed when using continue',
    });
  });

  it('is Expired when its state is forgotten, and says how to read on', async () => {
    const space = await seven();
    const { metadata } = await subject.made(subject.get(`${space.things}?limit=3`));
    const token = JSON.parse(Buffer.from(metadata.continue ?? '', 'base64url').toString()) as object;
    for (let i = 0; subject.forgetsSoon && i < 130; i += 1) {
      await subject.made(subject.post(space.configMaps, configMap(`m${i}`)));
    }
    const old = Buffer.from(JSON.stringify({ ...token, rv: 1 })).toString('base64url');
    const answer = await subject.get(`${space.things}?limit=3&continue=${old}`);
    if (!subject.forgetsSoon && answer.status === 200) {
      // A young server may still know its first version, in which there was none of it.
      expect(answer.body.items).toEqual([]);
      return;
    }
    expectRefusal(answer, {
      code: 410,
      reason: 'Expired',
      message:
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response',
    });
    const on = encodeURIComponent(answer.body.metadata.continue ?? '');
    expect(names((await subject.made(subject.get(`${space.things}?continue=${on}`))).items)).toEqual([
      't3',
      't4',
      't5',
      't6',
    ]);
  });
});

describe('an object', () => {
  it('is told to be there without its contents', async () => {
    const { things } = await seven();
    const [there, gone] = [await subject.ask('HEAD', `${things}/t1`), await subject.ask('HEAD', `${things}/t9`)];
    expect([there.status, there.text, gone.status, gone.text]).toEqual([200, '', 404, '']);
  });
});

describe('a selector', () => {
  it.each([
    ['parity=even', ['t0', 't2', 't4', 't6']],
    ['parity==even,big', ['t4', 't6']],
    ['parity!=even', ['t1', 't3', 't5']],
    ['!big', ['t0', 't1', 't2', 't3']],
    ['n in (1, 5,9)', ['t1', 't5']],
    ['n notin (0,1,2,3,4)', ['t5', 't6']],
    ['n>4', ['t5', 't6']],
    ['n<1', ['t0']],
    ['nobody=has', []],
    ['big=', ['t4', 't5', 't6']],
  ])('of labels, %s, chooses', async (selector, expected) => {
    const { things } = await seven();
    const { items } = await subject.made(subject.get(`${things}?labelSelector=${encodeURIComponent(selector)}`));
    expect(names(items)).toEqual(expected);
  });

  it.each([
    ['metadata.name=t3', ['t3']],
    ['metadata.name!=t3,spec.mode=Slow', ['t2', 't4', 't5', 't6']],
    ['spec.mode=Fast', ['t0', 't1']],
    ['spec.mode==Medium', []],
  ])('of fields, %s, chooses', async (selector, expected) => {
    const { things } = await seven();
    const { items } = await subject.made(subject.get(`${things}?fieldSelector=${encodeURIComponent(selector)}`));
    expect(names(items)).toEqual(expected);
  });

  it('chooses what is deleted at once', async () => {
    const { things } = await seven();
    const gone = await subject.made(subject.delete(`${things}?labelSelector=parity%3Dodd`));
    expect(names(gone.items)).toEqual(['t1', 't3', 't5']);
    expect(names((await subject.made(subject.get(things))).items)).toEqual(['t0', 't2', 't4', 't6']);
  });

  it.each([
    ['labelSelector=a b c', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['labelSelector=a in', "unable to parse requirement: found '' expected: '('"],
    ['labelSelector=a=b_', 'Invalid value: "b_": a valid label must be'],
    ['fieldSelector=spec.size=3', 'field label not supported: spec.size'],
    ['fieldSelector=nonsense', "invalid selector: 'nonsense'; can't understand 'nonsense'"],
  ])('is refused: %s', async (query, message) => {
    const { things } = await subject.space();
    expectRefusal(
      await subject.get(
        `${things}?${query.replace(/=(.*)/, (_all, value: string) => `=${encodeURIComponent(value)}`)}`,
      ),
      {
        code: 400,
        reason: 'BadRequest',
        message,
      },
    );
  });

  it('of a core kind knows its own fields only', async () => {
    const { pods } = await subject.space();
    expect(
      (await subject.made(subject.get(`${pods}?fieldSelector=spec.nodeName%3D,status.phase%3DPending`))).items,
    ).toEqual([]);
    expectRefusal(await subject.get(`${pods}?fieldSelector=spec.colour%3Dred`), {
      code: 400,
      reason: 'BadRequest',
      message: 'field label not supported: spec.colour',
    });
  });
});
