/** Starts the studio: the sheet at once, everything that needs the server as soon as it answers. */
import { Drawing, isEmpty } from './drawing/document.js';
import { restoreAndKeep } from './drawing/keep.js';
import { Pad } from './drawing/pad.js';
import { Invitation } from './panels/invitation.js';
import { Notices } from './panels/notices.js';
import { ResultView } from './panels/result.js';
import { Tools } from './panels/tools.js';
import { fetchCatalogue, problemOf } from './session/api.js';
import type { Catalogue } from './session/catalogue.js';
import { CurrentCatalogue } from './session/current-catalogue.js';
import { Studio } from './studio.js';
import { find } from './ui/dom.js';
import { startReadingOrder } from './ui/reading-order.js';
import { startTheme } from './ui/theme.js';

const RETRY_MS = 2_000;

async function loadCatalogue(notices: Notices): Promise<Catalogue> {
  for (;;) {
    try {
      const catalogue = await fetchCatalogue();
      notices.over('stream');
      return catalogue;
    } catch (error) {
      // Not of an action: there is nothing to go on with.
      notices.problem(problemOf(error), 'stream');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function start(): Promise<void> {
  startTheme();
  startReadingOrder();
  const drawing = new Drawing();
  const pad = new Pad(find('#pad', HTMLCanvasElement), find('#pad-cursor', HTMLElement), drawing);
  const tools = new Tools(pad, drawing);
  let studio: Studio | undefined;
  const invitation = new Invitation(
    () => studio?.startExample(),
    (press, move) => pad.takeOver(press, move),
  );
  pad.onPaint = () => invitation.show(isEmpty(pad.operations) && !pad.drawingNow);
  const notices = new Notices(() => studio?.reconnect());
  void restoreAndKeep(
    drawing,
    () => pad.drawingNow,
    (all) => notices.sheetKept(all),
  );
  const result = new ResultView();
  const catalogue = new CurrentCatalogue(await loadCatalogue(notices));
  studio = new Studio({ drawing, pad, tools, invitation, result, notices, catalogue });
}

void start();
