// What is kept in memory of each kind of object: what somebody here reads.
// Promises: pure; objects that have nothing to lose are returned as they are, others as copies. Thousands of objects are held
// for as long as the operator runs, so a field that nobody reads is left at the door.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Container, Lease, Node, Pod } from '../api/kubernetes.ts';
import type { KubeObject, ObjectMeta } from '../kube/object.ts';
import { annotations } from '../model/names.ts';
import { isScheduledAndUnfinished } from '../model/other-pods.ts';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Without what only other clients read: who wrote which field, and kubectl's copy of the whole. */
export function trimmed<T extends KubeObject>(object: T): T {
  const { managedFields, annotations } = object.metadata;
  if (managedFields === undefined && annotations?.[lastApplied] === undefined) return object;
  return { ...object, metadata: trimmedMeta(object.metadata) };
}

/** Texts of a job that are no longer than this together are kept, characters: most are, and need not be read again. */
const shortTexts = 8_192;
/** Goes along when a job is copied with another status. */
const leftOut = Symbol('texts were left out');

/**
 * A job without its texts, where they are long: a script and files may be of megabytes, and decisions ask only whether they are
 * there. Whoever needs them reads the job itself, see `isWhole`.
 */
export function trimmedJob(job: ComputeJob): ComputeJob {
  if (!isWhole(job)) return job;
  const { annotations: _others, managedFields: _who, ...metadata } = job.metadata;
  // Whatever the API server has stored: a list that cannot be read stops everything.
  const { script, files, interruption }: Partial<ComputeJob['spec']> = job.spec;
  const checkpoint = interruption?.checkpoint;
  const texts = [script, checkpoint?.script, ...(files ?? []).map(({ content }) => content)];
  if (texts.reduce((sum, text) => sum + (text?.length ?? 0), 0) <= shortTexts) return { ...job, metadata };
  return {
    ...job,
    ...{ [leftOut]: true },
    metadata,
    spec: {
      ...job.spec,
      ...(script === undefined ? {} : { script: '' }),
      ...(files === undefined ? {} : { files: files.map(withoutContent) }),
      ...(checkpoint === undefined
        ? {}
        : { interruption: { ...interruption, checkpoint: { ...checkpoint, script: '' } } }),
    },
  };
}

/** Whether a job that was kept has all its texts. */
export function isWhole(job: ComputeJob): boolean {
  return !(leftOut in job);
}

function withoutContent(file: JobFile): JobFile {
  return file.content === undefined ? file : { ...file, content: '' };
}

type JobFile = NonNullable<ComputeJob['spec']['files']>[number];

/** Of the status: health, what Kubernetes may give away, which images are there, and its addresses. */
export function trimmedNode(node: Node): Node {
  const { conditions, allocatable, images, nodeInfo, addresses } = node.status ?? {};
  return {
    ...trimmed(node),
    status: {
      ...(conditions === undefined
        ? {}
        : { conditions: conditions.map(({ lastHeartbeatTime: _beat, ...condition }) => condition) }),
      ...(allocatable === undefined ? {} : { allocatable }),
      ...(images === undefined ? {} : { images: images.map(({ names = [] }) => ({ names })) }),
      ...(nodeInfo === undefined ? {} : { nodeInfo }),
      ...(addresses === undefined ? {} : { addresses }),
    },
  };
}

/** A launcher pod: where it is and how it fares. What it mounts, runs and is called by is KubeVirt's affair. */
export function trimmedLauncher(pod: Pod): Pod {
  const { nodeName } = pod.spec;
  return { ...trimmed(pod), spec: { containers: [], ...(nodeName === undefined ? {} : { nodeName }) } };
}

/** A lease: who holds it, until when, and what its agent says of the fence. Thousands of these come in every few seconds. */
export function trimmedLease({ metadata, spec }: Lease): Lease {
  const read = [annotations.fence, annotations.silence].flatMap((name) => {
    const value = metadata.annotations?.[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    metadata: {
      ...identity(metadata),
      ...(read.length === 0 ? {} : { annotations: Object.fromEntries(read) }),
    },
    ...(spec === undefined ? {} : { spec }),
  };
}

/** A pod that is no guest of ours: what it asks for and where, while it holds that. */
export function trimmedOther(pod: Pod): Pod | undefined {
  if (!isScheduledAndUnfinished(pod)) return undefined;
  const { nodeName, containers, initContainers, overhead, resources } = pod.spec;
  return {
    metadata: identity(pod.metadata),
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      containers: requestsOnly(containers),
      ...(initContainers === undefined ? {} : { initContainers: requestsOnly(initContainers) }),
      ...(overhead === undefined ? {} : { overhead }),
      ...(resources?.requests === undefined ? {} : { resources: { requests: resources.requests } }),
    },
  };
}

function requestsOnly(containers: readonly Container[]): Container[] {
  return containers.flatMap(({ resources, restartPolicy }) =>
    resources?.requests === undefined
      ? []
      : [
          {
            name: '',
            resources: { requests: resources.requests },
            ...(restartPolicy === undefined ? {} : { restartPolicy }),
          },
        ],
  );
}

function trimmedMeta({ managedFields: _who, annotations, ...rest }: ObjectMeta): ObjectMeta {
  if (annotations === undefined) return rest;
  const { [lastApplied]: _copy, ...own } = annotations;
  return { ...rest, annotations: own };
}

/** Which object it is, and in which version. */
function identity({ name, namespace, uid, resourceVersion }: ObjectMeta): ObjectMeta {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}
