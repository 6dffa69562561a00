// A guest's screen: noVNC on a socket that is given to it.
// Promises: when the line breaks the last picture stays; keys that are held down when the focus leaves are let go in the guest.

import RFB from '@novnc/novnc';
import { keyboardIsFree } from './keyboard.ts';

const letGo: readonly (readonly [number, string])[] = [
  [0xffe1, 'ShiftLeft'],
  [0xffe2, 'ShiftRight'],
  [0xffe3, 'ControlLeft'],
  [0xffe4, 'ControlRight'],
  [0xffe9, 'AltLeft'],
  [0xffea, 'AltRight'],
  [0xffe7, 'MetaLeft'],
];
const shift = [0xffe1, 'ShiftLeft'] as const;
/** The guest's keyboard is a real one to it: typed faster, keys get lost. */
const typingMs = 40;

export class Screen {
  readonly #element: HTMLElement;
  readonly #still: HTMLCanvasElement;
  #rfb: RFB | undefined;
  #fitted = true;

  /** @param element takes the live screen, @param still shows the last picture meanwhile. */
  constructor(element: HTMLElement, still: HTMLCanvasElement) {
    this.#element = element;
    this.#still = still;
    element.addEventListener('focusout', () => {
      for (const [keysym, code] of letGo) this.#rfb?.sendKey(keysym, code, false);
    });
  }

  attach(socket: WebSocket, live: () => void): void {
    const rfb = new RFB(this.#element, socket, { shared: true });
    this.#rfb = rfb;
    rfb.scaleViewport = this.#fitted;
    rfb.focusOnClick = true;
    rfb.background = 'transparent';
    let connected = false;
    rfb.addEventListener('connect', () => {
      connected = true;
      this.#still.hidden = true;
      live();
      if (keyboardIsFree()) rfb.focus();
    });
    rfb.addEventListener('disconnect', () => {
      // One that was refused has no picture.
      if (connected) this.#keep(rfb);
      if (this.#rfb === rfb) this.#rfb = undefined;
    });
  }

  get fitted(): boolean {
    return this.#fitted;
  }

  fit(fitted: boolean): void {
    this.#fitted = fitted;
    if (this.#rfb) this.#rfb.scaleViewport = fitted;
  }

  focus(): void {
    this.#rfb?.focus();
  }

  sendCtrlAltDel(): void {
    this.#rfb?.sendCtrlAltDel();
  }

  /** Types it, key by key; what no key is made of is passed over. */
  async type(text: string): Promise<void> {
    for (const letter of text) {
      const rfb = this.#rfb;
      if (rfb === undefined) return;
      const keysym = keysymOf(letter);
      const capital = /[A-Z~!@#$%^&*()_+{}|:"<>?]/.test(letter);
      if (capital) rfb.sendKey(shift[0], shift[1], true);
      rfb.sendKey(keysym, codeOf(letter));
      if (capital) rfb.sendKey(shift[0], shift[1], false);
      await new Promise((resolve) => setTimeout(resolve, typingMs));
    }
  }

  picture(): Promise<Blob | null> {
    return new Promise((resolve) => {
      if (this.#rfb === undefined) resolve(null);
      else this.#rfb.toBlob(resolve, 'image/png');
    });
  }

  close(): void {
    this.#rfb?.disconnect();
  }

  #keep(rfb: RFB): void {
    const image = rfb.getImageData();
    if (image.width < 2) return;
    this.#still.width = image.width;
    this.#still.height = image.height;
    this.#still.getContext('2d')?.putImageData(image, 0, 0);
    this.#still.hidden = false;
  }
}

/** X11: Latin-1 is itself, controls have names, the rest is Unicode with a mark. */
function keysymOf(letter: string): number {
  if (letter === '\n') return 0xff0d;
  if (letter === '\t') return 0xff09;
  const point = letter.codePointAt(0) ?? 0;
  return point <= 0xff ? point : 0x01000000 + point;
}

const named: Readonly<Record<string, string>> = {
  '\n': 'Enter',
  '\t': 'Tab',
  ' ': 'Space',
  '-': 'Minus',
  _: 'Minus',
  '=': 'Equal',
  '+': 'Equal',
  '[': 'BracketLeft',
  '{': 'BracketLeft',
  ']': 'BracketRight',
  '}': 'BracketRight',
  '\\': 'Backslash',
  '|': 'Backslash',
  ';': 'Semicolon',
  ':': 'Semicolon',
  "'": 'Quote',
  '"': 'Quote',
  ',': 'Comma',
  '<': 'Comma',
  '.': 'Period',
  '>': 'Period',
  '/': 'Slash',
  '?': 'Slash',
  '`': 'Backquote',
  '~': 'Backquote',
};
const digits = ')!@#$%^&*(';

/** The key of an American keyboard, where there is one. */
function codeOf(letter: string): string {
  if (/[a-zA-Z]/.test(letter)) return `Key${letter.toUpperCase()}`;
  if (/\d/.test(letter)) return `Digit${letter}`;
  if (digits.includes(letter)) return `Digit${digits.indexOf(letter)}`;
  return named[letter] ?? '';
}
