// Gets a launcher's guest image, and says in the kubelet's words why it is not there yet.
// Promises: one pull of a pod at a time; after a failure the waits grow from 10 s to 5 min, as a kubelet's do.
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { EventRecorder } from '@idlewild/operator/kube/events.ts';
import { podReference } from '../../model/pod.ts';
import type { GuestImage } from '../../images/guest-image.ts';
import type { LauncherPod } from '../../virt/model/launcher-pod.ts';
import type { Launcher } from './launcher.ts';

export interface ImagePullOptions {
  readonly clock: Clock;
  readonly events: EventRecorder;
  readonly ensure: (reference: string, onStep: (step: string) => void) => Promise<GuestImage>;
  readonly enqueue: (key: string) => void;
}

const firstWaitMs = 10_000;
const longestWaitMs = 300_000;
const backOffShownAfterMs = 1_000;

export class ImagePull {
  readonly #o: ImagePullOptions;

  constructor(options: ImagePullOptions) {
    this.#o = options;
  }

  /** True when the image is there. Otherwise the launcher is queued again when something has changed. */
  ready(launcher: Launcher, pod: LauncherPod, reference: string): boolean {
    if (launcher.image !== undefined) return true;
    // While a failed pull waits for its next time, the timers set then will have the launcher looked at again.
    if (launcher.pulling || this.#o.clock.monotonic() < launcher.pullAgainAtMs) return false;
    launcher.pulling = true;
    void this.#pull(launcher, pod, reference);
    return false;
  }

  async #pull(launcher: Launcher, pod: LauncherPod, reference: string): Promise<void> {
    const { clock, ensure, enqueue } = this.#o;
    const started = clock.monotonic();
    this.#event(pod, 'Normal', 'Pulling', `Pulling image "${reference}"`);
    try {
      // A migration target names the digest of its source: another build of the same image would not take the state over.
      const [name = '', digest] = reference.split('@');
      const image = await ensure(name, (step) => launcher.compute.line(`image ${name}: ${step}`));
      if (digest !== undefined && digest !== image.digest) throw new Error(`there is no ${digest} of ${name} any more`);
      launcher.image = image;
      launcher.waiting = { reason: 'ContainerCreating', message: '' };
      const ms = Math.round(clock.monotonic() - started);
      this.#event(pod, 'Normal', 'Pulled', `Successfully pulled image "${reference}" in ${ms}ms`);
    } catch (error) {
      const message = `failed to pull image "${reference}": ${(error as Error).message}`;
      launcher.waiting = { reason: 'ErrImagePull', message };
      const waitMs = Math.min(firstWaitMs * 2 ** launcher.pullFailures, longestWaitMs);
      launcher.pullAgainAtMs = clock.monotonic() + waitMs;
      launcher.pullFailures += 1;
      clock.setTimeout(() => this.#backOff(launcher, pod, reference), backOffShownAfterMs);
      clock.setTimeout(() => enqueue(launcher.key), waitMs);
      this.#event(pod, 'Warning', 'Failed', message);
      this.#event(pod, 'Warning', 'Failed', 'Error: ErrImagePull');
    } finally {
      launcher.pulling = false;
      enqueue(launcher.key);
    }
  }

  #backOff(launcher: Launcher, pod: LauncherPod, reference: string): void {
    const message = `Back-off pulling image "${reference}"`;
    launcher.waiting = { reason: 'ImagePullBackOff', message: `${message}: ${launcher.waiting.message}` };
    this.#event(pod, 'Normal', 'BackOff', message);
    this.#o.enqueue(launcher.key);
  }

  #event(pod: LauncherPod, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#o.events.event(podReference(pod), { type, reason, action: reason, message });
  }
}
