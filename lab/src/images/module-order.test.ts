import { describe, expect, it } from '@jest/globals';
import { libraryDependencies } from './ext4-tool.ts';
import { kernelDependency } from './kernel-package.ts';
import { moduleDependencies, moduleOrder } from './module-order.ts';

const dependencies: Record<string, string[]> = {
  virtio_ring: [],
  virtio: ['virtio_ring'],
  virtio_pci: ['virtio', 'virtio_pci_modern_dev'],
  virtio_pci_modern_dev: [],
  virtio_rng: ['virtio'],
};

describe('the order of kernel modules', () => {
  it('puts what a module needs before it, once, in the order asked for', () => {
    expect(moduleOrder(['virtio_rng', 'virtio_pci', 'virtio'], (name) => dependencies[name])).toEqual([
      'virtio_ring',
      'virtio',
      'virtio_rng',
      'virtio_pci_modern_dev',
      'virtio_pci',
    ]);
  });

  it('treats dashes and underscores alike and leaves out what is built in', () => {
    expect(moduleOrder(['virtio-rng', 'ext4'], (name) => dependencies[name])).toEqual([
      'virtio_ring',
      'virtio',
      'virtio_rng',
    ]);
  });

  it.each([
    ['none', 'license=GPL\0depends=\0name=a\0', []],
    ['one', 'license=GPL\0depends=fat\0name=vfat\0', ['fat']],
    ['several', '\0depends=virtio_ring,virtio\0', ['virtio_ring', 'virtio']],
    ['no entry at all', 'license=GPL\0', []],
  ])('is read from a module with dependencies: %s', (_name, text, expected) => {
    expect(moduleDependencies(Buffer.from(text, 'latin1'))).toEqual(expected);
  });
});

it.each([
  ['linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n', 'linux-image-6.1.0-56-cloud-amd64'],
  ['linux-image-cloud-amd64\n  Suggests: linux-image-x\n', undefined],
  ['', undefined],
])('the kernel behind a meta package is read from %j', (answer, kernel) => {
  expect(kernelDependency(answer)).toBe(kernel);
});

it('the libraries behind a program are read from what the package needs, each once', () => {
  const answer =
    'e2fsprogs\n  PreDepends: libblkid1\n  PreDepends: libc6\n  Depends: logsave\n  Suggests: libx\n  Depends: libc6\n';
  expect(libraryDependencies(answer)).toEqual(['libblkid1', 'libc6']);
});
