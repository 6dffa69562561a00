// How fast the jobs of a room come back after it was lost: a few at once, then a few more every few seconds.
// Promises: pure; a job's turn follows from what the attempts say alone, so a restarted operator comes to the same answer,
// and a later loss never makes an earlier one wait longer.

import type { ComputeJob } from '../api/compute-job.ts';
import { attemptsOf, lastAttempt } from '../model/job.ts';

export interface RestartSettings {
  /** Jobs of one room that are let back in at once, and then with each batch. */
  readonly restartsPerRoom: number;
  readonly batchMs: number;
  /** Losses of one room that are less than this apart are one event. */
  readonly windowMs: number;
}

interface Loss {
  readonly id: string;
  readonly atMs: number;
  readonly hash: number;
}

/** The attempts that were lost with their machines, by room. */
export class Losses {
  readonly #settings: RestartSettings;
  readonly #rooms = new Map<string, Loss[]>();
  /** By job uid: where its losses are filed. */
  readonly #filed = new Map<string, { readonly room: string; readonly loss: Loss }[]>();

  constructor(settings: RestartSettings) {
    this.#settings = settings;
  }

  /** Replaces what is known of a job. */
  set(job: ComputeJob): void {
    const uid = job.metadata.uid ?? '';
    const lost = attemptsOf(job).filter(({ reason, room }) => reason === 'MachineLost' && room !== undefined);
    const before = this.#filed.get(uid);
    if (lost.length === 0 && !before) return;
    if (before?.length === lost.length) return;
    this.forget(uid);
    const filed = lost.map(({ number, room = '', ended = '' }) => {
      const id = `${uid}#${number}`;
      return { room, loss: { id, atMs: Date.parse(ended), hash: hashOf(id) } };
    });
    for (const { room, loss } of filed) {
      const losses = this.#rooms.get(room) ?? [];
      losses.push(loss);
      losses.sort(byTime);
      this.#rooms.set(room, losses);
    }
    if (filed.length > 0) this.#filed.set(uid, filed);
  }

  forget(uid: string): void {
    for (const { room, loss } of this.#filed.get(uid) ?? []) {
      const left = (this.#rooms.get(room) ?? []).filter(({ id }) => id !== loss.id);
      if (left.length > 0) this.#rooms.set(room, left);
      else this.#rooms.delete(room);
    }
    this.#filed.delete(uid);
  }

  /** When the job may have a machine again, ms since the epoch; 0 when its last attempt was not lost with a room. */
  notBefore(job: ComputeJob): number {
    const last = lastAttempt(job);
    if (last?.reason !== 'MachineLost' || last.room === undefined) return 0;
    const { restartsPerRoom, batchMs, windowMs } = this.#settings;
    const own: Loss = lossOf(job.metadata.uid ?? '', last.number, last.ended ?? '');
    let ahead = 0;
    for (const loss of this.#rooms.get(last.room) ?? []) {
      if (byTime(loss, own) >= 0) break;
      if (loss.atMs > own.atMs - windowMs) ahead += 1;
    }
    const batch = Math.floor(ahead / restartsPerRoom);
    if (batch === 0) return own.atMs;
    const jitterMs = (own.hash % 1000) * (batchMs / 2000);
    return own.atMs + batch * batchMs + jitterMs;
  }
}

function lossOf(uid: string, attempt: number, ended: string): Loss {
  const id = `${uid}#${attempt}`;
  return { id, atMs: Date.parse(ended), hash: hashOf(id) };
}

function byTime(a: Loss, b: Loss): number {
  return a.atMs - b.atMs || a.hash - b.hash || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** FNV-1a, 32 bits: spreads, and is the same in every process. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}
