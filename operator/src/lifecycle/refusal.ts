// What the API server or an admission webhook says when it refuses an object, and what the user can do about it.
// Promises: pure; the server's own text is always part of the words.

import type { ProgressReason } from '../model/reasons.ts';

export interface Refusal {
  readonly reason: Extract<ProgressReason, 'QuotaExceeded' | 'Refused' | 'KubeVirtNotReady'>;
  readonly message: string;
}

/**
 * @param what was refused, for example "the pod of the guest".
 * @param text as the API server wrote it; KubeVirt copies it into conditions.
 */
export function refusalOf(what: string, text: string): Refusal {
  // Kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota and pod-security-admission.
  if (/exceeded quota|failed quota/i.test(text)) {
    const next = 'it is tried again; it starts when other jobs of the namespace end or an admin raises the quota';
    return { reason: 'QuotaExceeded', message: `a quota of the namespace forbids ${what}: ${text}; ${next}` };
  }
  if (/violates PodSecurity/.test(text)) {
    const next = 'an admin can set its label pod-security.kubernetes.io/enforce to privileged';
    return { reason: 'Refused', message: `the Pod Security level of the namespace forbids ${what}: ${text}; ${next}` };
  }
  if (/denied the request|denied request/.test(text)) {
    return {
      reason: 'Refused',
      message: `an admission rule of the cluster refuses ${what}: ${text}; ask the lab's admin`,
    };
  }
  return { reason: 'Refused', message: `the cluster refuses ${what}: ${text}` };
}

/**
 * When the API server could not ask whoever has to agree, which for virtual machines is KubeVirt's virt-api. Undefined for any
 * other error of a server. Kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook.
 * @param text as the API server wrote it.
 */
export function unansweredOf(what: string, text: string): Refusal | undefined {
  const [, webhook] = /failed calling webhook "([^"]*)"/.exec(text) ?? [];
  if (webhook === undefined) return undefined;
  const who = webhook.endsWith('.kubevirt.io') ? 'KubeVirt' : `the admission webhook "${webhook}"`;
  const message = `${who} does not answer, without whom the cluster does not take ${what}: ${text}; it is tried again`;
  return { reason: 'KubeVirtNotReady', message };
}
