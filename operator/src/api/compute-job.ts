// Generated from crds/idlewild.dev_computejobs.yaml by `npm run generate`. Do not edit.

export interface ComputeJobFields {
  /**
   * What the job needs and what it runs. Nothing here is ever written by the operator.
   */
  spec: {
    /**
     * Batch ends when the script ends. Session stays until it is stopped or its walltime is over.
     */
    mode: 'Batch' | 'Session';
    /**
     * What the virtual machine gets.
     */
    resources: {
      /**
       * Virtual cores.
       */
      cores: number;
      /**
       * Memory that the guest sees, from 64Mi to 1Ti. The machine must also have KubeVirt's own overhead free.
       */
      memory: number | string;
      /**
       * An empty scratch disk, from 16Mi to 10Ti, mounted at /scratch. It lives and dies with the attempt; a live migration takes it along.
       */
      disk?: number | string;
      /**
       * Memory of the machine's graphics that the guest's screen needs, from 1Mi to 64Gi. Machines that lend less are passed over.
       */
      graphicsMemory?: number | string;
      /**
       * Whole graphics processors handed through to the guest. Such a guest cannot move while it runs.
       */
      gpus: number;
    };
    /**
     * Processor architecture of the image and so of the machine.
     */
    architecture: 'amd64' | 'arm64';
    /**
     * What the virtual machine boots.
     */
    image: {
      /**
       * A container image that carries a bootable disk, as KubeVirt's containerDisk.
       */
      containerDisk: string;
    };
    /**
     * Run once in the guest, as root, by the interpreter of its first line (/bin/sh without one). Its output is the job's log, its exit code the job's.
     */
    script?: string;
    /**
     * Files written into the guest before the script starts.
     */
    files?: {
      /**
       * Absolute path in the guest.
       */
      path: string;
      /**
       * The file's text.
       */
      content?: string;
      /**
       * A key of a Secret in the job's namespace. The job waits, and says so, while it is missing.
       */
      secretKeyRef?: {
        name: string;
        key: string;
      };
      /**
       * Permission bits in octal.
       */
      mode: string;
    }[];
    /**
     * The interaction protocol offered to the user.
     */
    console: 'VNC' | 'Serial' | 'None';
    /**
     * What the guest can reach. Isolated is names (DNS) and the internet, but neither the machine it runs on, the lab's network, the cluster nor other jobs. None is nothing at all; script, console and log work without a network. Open is whatever the machine can reach, and only where the lab's admin allows it for the namespace. Nobody can connect to a guest from outside, unless it is Open.
     */
    network: 'None' | 'Isolated' | 'Open';
    /**
     * Which machines may take the job.
     */
    placement?: {
      /**
       * Only machines of these rooms (node label topology.kubernetes.io/zone).
       */
      rooms?: string[];
      /**
       * Only machines with these node labels.
       */
      nodeSelector?: {
        [k: string]: string;
      };
      /**
       * Only machines without an owner (node label idlewild.dev/class=dedicated).
       */
      dedicatedOnly: boolean;
    };
    /**
     * Jobs of a higher priority are served first. A namespace may be held to a lower one by the lab's admin.
     */
    priority: 'Low' | 'Normal' | 'High' | 'Urgent';
    /**
     * The longest an attempt may run, counted from its start in the guest, such as 90s, 30m or 4h. Without it there is no limit.
     */
    walltime?: string;
    /**
     * How long an attempt may take from its claim until the guest runs the script (or, in a session, has its console) before it is given up and the next machine is tried.
     */
    startDeadline: string;
    /**
     * What happens when an attempt fails by itself. Attempts that the lab takes away (machine lost, drained) are always repeated and never counted.
     */
    retries: {
      /**
       * How many failed attempts are repeated before the job is Failed.
       */
      limit: number;
      /**
       * Which failures are repeated. ScriptFailed is an exit code other than 0, or a guest that was powered off without one; StartFailed a guest that never came up.
       */
      when: ('ScriptFailed' | 'StartFailed')[];
    };
    /**
     * What may happen to the job when its machine's owner comes back or the machine falls silent.
     */
    interruption: {
      /**
       * Never two guests of this job at a time. With false a replacement may start while nobody knows yet whether a machine that fell silent still runs the guest, and the guest outlives a short loss of the API server. Once false it stays false.
       */
      exclusive: boolean;
      /**
       * The guest is held back and frozen at once in any case. Migrate then moves it, and parks it where nothing can take it; Freeze leaves it frozen until the owner has gone; Restart gives the attempt up and begins anew elsewhere.
       */
      ownerReturns: 'Migrate' | 'Freeze' | 'Restart';
      /**
       * What the guest does when it is asked to save its work, before it is shut down and the job waits again, in its old place.
       */
      checkpoint?: {
        /**
         * Run as root in the guest, with the interpreter of its #! line.
         */
        script: string;
        /**
         * How long it may take before the guest is ended all the same.
         */
        within: string;
      };
    };
    /**
     * Ends the job for good and keeps its record. Its guest is shut down, and no further attempt is made. A result that the script had reported stands; else a session that ran has Succeeded, and anything else has Failed with reason Stopped. Once true it stays true; a job that is over does not change.
     */
    stop?: boolean;
    /**
     * Seconds after its end at which the finished job is deleted, with its virtual machine's log. Without it the job stays until somebody deletes it.
     */
    ttlSecondsAfterFinished?: number;
  };
  /**
   * What became of the job. Written by the operator only.
   */
  status?: {
    /**
     * The generation of the spec that this status is about.
     */
    observedGeneration?: number;
    /**
     * One word for people; programs read the conditions.
     */
    phase?: string;
    /**
     * The reason of the latest decision, from a closed list.
     */
    reason?: string;
    /**
     * The same in a sentence.
     */
    message?: string;
    /**
     * Published, Claimed, Started, Reachable, Migratable, Interrupted, Succeeded and Failed.
     */
    conditions?: {
      type: string;
      status: 'True' | 'False' | 'Unknown';
      reason: string;
      message: string;
      observedGeneration?: number;
      lastTransitionTime: string;
    }[];
    /**
     * The requirement made visible to the machines.
     */
    publication?: {
      id?: string;
      at?: string;
    };
    /**
     * Machines that satisfy the publication, best first. The first is the claim, the others are the runners-up.
     */
    subscribers?: {
      node: string;
      readySince?: string;
      /**
       * The sum of its parts; higher is better.
       */
      score?: number;
      /**
       * What the score is made of.
       */
      parts?: {
        /**
         * How surely the owner stays away, 0 to 40.
         */
        absence?: number;
        /**
         * The image is there already, 0 or 20.
         */
        image?: number;
        /**
         * How long it has been lending, 0 to 15.
         */
        idle?: number;
        /**
         * How calm its room is, 0 to 15: machines lost there a short while ago count against it.
         */
        room?: number;
        /**
         * How empty it is, 0 to 10.
         */
        free?: number;
      };
    }[];
    /**
     * The machine that has the job now.
     */
    node?: string;
    /**
     * The number of the current attempt.
     */
    attempt?: number;
    /**
     * The virtual machines that were made for the job, the latest twenty.
     */
    attempts?: {
      number: number;
      /**
       * The machine that claimed it, or has it after a migration.
       */
      node: string;
      virtualMachine: string;
      /**
       * The room of the machine that claimed it.
       */
      room?: string;
      /**
       * When the machine won the claim.
       */
      claimed?: string;
      /**
       * When the VirtualMachine was created.
       */
      created?: string;
      /**
       * When KubeVirt reported the guest as running.
       */
      running?: string;
      /**
       * When the script started in the guest.
       */
      started?: string;
      ended?: string;
      /**
       * Why it ended, from a closed list.
       */
      reason?: string;
      /**
       * What had held it up, if it was given up before its start.
       */
      cause?: string;
      message?: string;
      /**
       * How often the guest was seen to reboot.
       */
      reboots?: number;
      exitCode?: number;
      /**
       * Seconds of work that were lost with the attempt.
       */
      secondsLost?: number;
      /**
       * Seconds in which the guest stood still; they are not charged.
       */
      secondsStill?: number;
    }[];
    /**
     * Where the open attempt stands on the yield ladder while the owner of its machine is back.
     */
    ladder?: {
      /**
       * When the owner was seen to be back.
       */
      since: string;
      /**
       * Since when the guest is made to stand still.
       */
      frozen?: string;
      /**
       * When the guest was asked to save its work and shut down.
       */
      parking?: string;
    };
    /**
     * The ledger's tail: what came between the job and its end.
     */
    interruptions?: {
      at: string;
      reason: string;
      /**
       * The rung of the yield ladder that was taken.
       */
      rung?: string;
      attempt?: number;
      node?: string;
      toNode?: string;
      /**
       * The migration that moved the guest.
       */
      migration?: string;
      /**
       * How long it took.
       */
      seconds?: number;
      /**
       * How long the guest was not running meanwhile.
       */
      downtimeSeconds?: number;
      message?: string;
    }[];
    /**
     * Why the job has no machine yet.
     */
    waiting?: {
      /**
       * Place in the queue, from 1.
       */
      position?: number;
      /**
       * When a machine will be free for it, as far as the walltimes of those before it tell.
       */
      estimate?: string;
      message?: string;
      reasons?: {
        reason: string;
        /**
         * How many machines are excluded by this reason.
         */
        machines: number;
        /**
         * Some of them.
         */
        names?: string[];
        message?: string;
      }[];
    };
    /**
     * Notice that the job has to make room for one of a higher priority. It is repeated later and loses no retry.
     */
    preemption?: {
      /**
       * namespace/name of the job that gets the machine.
       */
      by: string;
      /**
       * When notice was given.
       */
      notice: string;
      /**
       * When the attempt will be ended.
       */
      at: string;
    };
    /**
     * What the job is charged for, over all attempts. Work that the lab took away is lost, not charged.
     */
    usage?: {
      coreSeconds?: number;
      memoryGiBSeconds?: number;
      lostCoreSeconds?: number;
    };
    /**
     * Failed attempts that count against spec.retries.limit.
     */
    failures?: number;
    /**
     * The script's exit code.
     */
    exitCode?: number;
    /**
     * How to reach the guest in a browser. Absent where the operator knows of no portal.
     */
    console?: {
      /**
       * The console's page in the portal; the same for every attempt.
       */
      url?: string;
    };
    /**
     * When the script of the first attempt started.
     */
    startTime?: string;
    finishTime?: string;
  };
}

import type { KubeObject } from '../kube/object.ts';

export type ComputeJobSpec = ComputeJobFields['spec'];
export type ComputeJobStatus = NonNullable<ComputeJobFields['status']>;
/** A ComputeJob as the API server stores it: defaults filled in, unknown fields pruned. */
export type ComputeJob = KubeObject & ComputeJobFields;
