import { expect, it } from '@jest/globals';
import { classifyExit } from './exit.ts';
import type { ExitEvidence, ExitReason } from './exit.ts';

const clean: ExitEvidence = { code: 0, signal: null, killed: false, migrated: false, incoming: false };
const shot: ExitEvidence = { ...clean, code: null, signal: 'SIGKILL' };

it.each<[string, ExitEvidence, ExitReason]>([
  ['the guest powered off', { ...clean, shutdownReason: 'guest-shutdown' }, 'guest-shutdown'],
  [
    'the guest powered off just before we killed it',
    { ...shot, killed: true, shutdownReason: 'guest-shutdown' },
    'guest-shutdown',
  ],
  ['its kernel panicked', { ...clean, shutdownReason: 'guest-panic' }, 'guest-panic'],
  ['we killed it', { ...shot, killed: true }, 'killed'],
  ['we killed it before its guest arrived', { ...shot, killed: true, incoming: true }, 'killed'],
  ['somebody else killed it', shot, 'crash'],
  ['QEMU failed', { ...clean, code: 1, lastErrorLine: 'no space' }, 'crash'],
  ['QEMU aborted', { ...shot, signal: 'SIGABRT' }, 'crash'],
  ['it was told to quit', { ...clean, shutdownReason: 'host-qmp-quit' }, 'quit'],
  ['it got a polite signal', { ...clean, shutdownReason: 'host-signal' }, 'quit'],
  ['its guest had moved away', { ...shot, killed: true, migrated: true }, 'migrated'],
  ['the source called the migration off', { ...clean, code: 1, incoming: true }, 'migration-failed'],
])('tells the end when %s', (_name, evidence, reason) => {
  expect(classifyExit(evidence).reason).toBe(reason);
});

it('says what QEMU printed last', () => {
  expect(classifyExit({ ...clean, code: 1, lastErrorLine: 'no space left' }).detail).toBe('exit code 1: no space left');
});
