// Whether somebody uses a camera of the machine, from what the kernel says of its power: a USB camera is awake only while a program
// has it open (drivers/media/usb/uvc takes and gives back usb_autopm), or takes pictures with it on newer kernels.
// Promises: pure; a camera that may not sleep is no sign, nor is one of another bus. Nobody has to look which program it is.

export interface CameraPower {
  /** runtime_status of the interface. */
  readonly interface: string | undefined;
  /** runtime_status of the device that has the interface. */
  readonly device: string | undefined;
  /** power/control of the device: "auto" if it may sleep. */
  readonly control: string | undefined;
}

/** @returns undefined for a machine without a camera that tells. */
export function isFilming(cameras: readonly CameraPower[]): boolean | undefined {
  const telling = cameras.filter(
    ({ control, interface: own }) => control === 'auto' && /^(active|suspended)$/.test(own ?? ''),
  );
  if (telling.length === 0) return undefined;
  return telling.some(({ interface: own, device }) => own === 'active' && device === 'active');
}
