// Who has the keyboard when a console comes up by itself.

/** Whether a console may take the keys now: not from somebody who writes into a dialog, whose words, a password perhaps, would go to the guest. */
export const keyboardIsFree = (): boolean => document.querySelector('[role=dialog]') === null;
