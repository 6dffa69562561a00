// Objects for tests: a virtual machine as the operator renders one. Nothing of it is used by a running lab.
import { NAMESPACE } from './cluster.ts';

/** A VirtualMachine that is to be created: External eviction, one container disk, the pod network. */
export function machineObject(name: string, runStrategy = 'Once', spec: object = {}) {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, namespace: NAMESPACE, labels: { job: name } },
    spec: {
      runStrategy,
      template: {
        metadata: { labels: { job: name } },
        spec: {
          evictionStrategy: 'External',
          terminationGracePeriodSeconds: 30,
          domain: {
            cpu: { cores: 1, sockets: 1, threads: 1, model: 'qemu64' },
            memory: { guest: '1Gi' },
            devices: {
              rng: {},
              disks: [{ name: 'root', disk: { bus: 'virtio' } }],
              interfaces: [{ name: 'default', masquerade: {} }],
            },
          },
          networks: [{ name: 'default', pod: {} }],
          volumes: [{ name: 'root', containerDisk: { image: 'lab/tiny:1' } }],
          ...spec,
        },
      },
    },
  };
}
