// What a guest is asked to be. Both ends of a live migration start from equal specs; only their paths differ.
import type { GuestImage } from '../../images/guest-image.ts';

export interface GuestDisk {
  /** Unique in the guest: letters, digits and dashes. Names the file, the block node and the migration export. */
  readonly name: string;
  /** `root` is an overlay on the image's root disk (empty if the image has none); `empty` begins blank. */
  readonly kind: 'root' | 'empty';
  /** Virtual size in MiB. A root disk without one is as large as the image's. */
  readonly sizeMiB?: number;
  /** Virtio serial that the guest sees; at most 20 characters. */
  readonly serial?: string;
}

/** Files of a NoCloud seed. */
export interface GuestSeed {
  readonly userData: string;
  readonly metaData: string;
  readonly networkData?: string;
}

export interface GuestSpec {
  /** Unique on the machine; becomes QEMU's name of the guest. */
  readonly id: string;
  readonly image: GuestImage;
  readonly cores: number;
  readonly memoryMiB: number;
  /** In the order in which the guest sees them: vda, vdb, ... The seed comes after them. */
  readonly disks: readonly GuestDisk[];
  readonly seed?: GuestSeed;
  /** Gives the guest a screen, reachable over VNC, with a keyboard and a mouse that tells its movements. */
  readonly graphics: boolean;
  /** The screen has a pointer as well that tells where it is. */
  readonly pointer?: boolean;
  /** Gives the guest one network card behind user-mode address translation. */
  readonly network: boolean;
  readonly macAddress?: string;
  readonly accel: Accel;
}

export type Accel = 'tcg' | 'kvm';

/** Where a guest's files and sockets are. Sockets are Unix sockets: their paths have at most 107 bytes. */
export interface GuestPaths {
  readonly dir: string;
  readonly disk: (name: string) => string;
  readonly seedDir: string;
  readonly serialLog: string;
  readonly qmpSocket: string;
  readonly serialSocket: string;
  readonly vncSocket: string;
  readonly agentSocket: string;
  readonly migrateSocket: string;
  readonly nbdSocket: string;
}

const longestSocketPath = 107;

/** Paths of a guest with files in `dir` and sockets in `socketDir`. Throws when a socket's path would be too long. */
export function guestPaths(dir: string, socketDir: string): GuestPaths {
  const socket = (name: string): string => {
    const path = `${socketDir}/${name}.sock`;
    if (Buffer.byteLength(path) <= longestSocketPath) return path;
    throw new Error(`socketDir: ${path} is longer than ${longestSocketPath} bytes, the limit of a Unix socket`);
  };
  return {
    dir,
    disk: (name) => `${dir}/${name}.qcow2`,
    seedDir: `${dir}/seed`,
    serialLog: `${dir}/serial.log`,
    qmpSocket: socket('qmp'),
    serialSocket: socket('serial'),
    vncSocket: socket('vnc'),
    agentSocket: socket('agent'),
    migrateSocket: socket('migrate'),
    nbdSocket: socket('nbd'),
  };
}

/** Throws an error that names the field and what is allowed, if a guest cannot be made from this. */
export function checkSpec(spec: GuestSpec): void {
  const refuse = (field: string, allowed: string): never => {
    throw new Error(`${field}: ${allowed}`);
  };
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(spec.id)) refuse('id', 'letters, digits, dots, dashes and underscores');
  if (!Number.isInteger(spec.cores) || spec.cores < 1) refuse('cores', 'a whole number from 1');
  if (!Number.isInteger(spec.memoryMiB) || spec.memoryMiB < spec.image.minMemoryMiB) {
    refuse(
      'memoryMiB',
      `a whole number from ${spec.image.minMemoryMiB}, the least that lab/${spec.image.name} boots with`,
    );
  }
  for (const disk of spec.disks) {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(disk.name)) refuse('disks.name', 'lower-case letters, digits and dashes');
    if (disk.kind === 'empty' && disk.sizeMiB === undefined) refuse('disks.sizeMiB', 'needed for an empty disk');
    if (disk.serial !== undefined && !/^[A-Za-z0-9_-]{1,20}$/.test(disk.serial)) {
      refuse('disks.serial', '1 to 20 letters, digits, dashes and underscores');
    }
  }
  if (new Set(spec.disks.map(({ name }) => name)).size !== spec.disks.length) refuse('disks.name', 'each name once');
  if (spec.macAddress !== undefined && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(spec.macAddress)) {
    refuse('macAddress', 'six pairs of hex digits with colons');
  }
}
