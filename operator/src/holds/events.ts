// The events that holding machines down records on their Nodes.

import type { EventText } from '../kube/event-series.ts';
import type { HoldNews } from './decide.ts';

/** @param message of the hold. */
export function holdEvent(news: HoldNews, machine: string, message: string): EventText {
  switch (news) {
    case 'HeldDown':
      return { type: 'Warning', reason: news, action: 'Hold', message: `${machine} is ${message}` };
    case 'HoldOver':
      return { type: 'Normal', reason: news, action: 'Release', message: `${machine} may take jobs again` };
    case 'HoldLifted': {
      const lifted = `somebody took the hold of ${machine} away; what happened before does not count any more`;
      return { type: 'Normal', reason: news, action: 'Release', message: lifted };
    }
  }
}
