// What a guest image is to the hypervisor layer, and which image a containerDisk reference means.
// Promise: a GuestImage names only files that exist, never change and may be shared by any number of guests.

export const imageNames = ['tiny', 'debian', 'desktop', 'broken'] as const;
export type ImageName = (typeof imageNames)[number];

export interface GuestImage {
  readonly name: ImageName;
  /** `sha256:` and 64 hex digits over the built files. */
  readonly digest: string;
  /** Kernel and initial RAM disk for direct boot; both absent when the firmware boots from the root disk. */
  readonly kernel?: string;
  readonly initrd?: string;
  /** Kernel command line words that the image itself needs. */
  readonly append: readonly string[];
  /** qcow2 base of the root disk, read-only; absent when the guest lives in its initial RAM disk. */
  readonly rootDisk?: string;
  /** Smallest guest memory that boots, in MiB. */
  readonly minMemoryMiB: number;
  /** Size of QEMU's translation cache that suits the image, in MiB; counts on top of the guest's memory. */
  readonly tbSizeMiB: number;
}

export class ImageError extends Error {
  readonly kind: 'unknown' | 'packages' | 'build';

  constructor(kind: 'unknown' | 'packages' | 'build', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ImageError';
    this.kind = kind;
  }
}

/** The lab image that a containerDisk reference means (`lab/tiny`, `docker.io/lab/tiny:latest`), or undefined. */
export function imageNameOf(reference: string): ImageName | undefined {
  const match = /^(?:docker\.io\/)?lab\/([a-z]+)(?::latest)?$/.exec(reference);
  return imageNames.find((name) => name === match?.[1]);
}
