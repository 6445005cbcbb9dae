/** Questions that hold up the page: a modal `<dialog>` brings focus handling and Escape. */

import { html, render, type TemplateResult } from 'lit-html';

interface Asked {
  title: string;
  text: string;
  /** What is entered in answer; without, the question is yes or no. */
  field?: TemplateResult;
  action: string;
}

/** Whether the operator agrees to `action`. */
export async function confirmed(title: string, text: string, action: string): Promise<boolean> {
  return (await ask({ title, text, action })) !== undefined;
}

/** The token that the operator enters; `undefined` when they do not. */
export async function askedToken(): Promise<string | undefined> {
  const field = html`<label>Token <input name="token" type="password" autocomplete="off" required autofocus /></label>`;
  const title = 'This daemon asks for a token';
  const text = 'It is one of `tokens` in the daemon’s configuration, and is kept for this tab only.';
  const form = await ask({ title, text, field, action: 'Connect' });
  return form?.get('token')?.toString();
}

function ask(asked: Asked): Promise<FormData | undefined> {
  const dialog = document.body.appendChild(document.createElement('dialog'));
  render(content(dialog, asked), dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      const form = dialog.querySelector('form');
      resolve(dialog.returnValue === 'yes' && form ? new FormData(form) : undefined);
      dialog.remove();
    });
  });
}

function content(dialog: HTMLDialogElement, { title, text, field, action }: Asked): TemplateResult {
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  return html`<form method="dialog" @submit=${(event: SubmitEvent) => closeWith(event, dialog)}>
    <h2 id="dialog-title">${title}</h2>
    <p>${text}</p>
    ${field ?? ''}
    <div class="actions">
      <button type="button" @click=${() => dialog.close()}>Cancel</button>
      <button type="submit" class="is-primary">${action}</button>
    </div>
  </form>`;
}

/** Closed by hand: the page's policy forbids the submission of forms, this one included. */
function closeWith(event: SubmitEvent, dialog: HTMLDialogElement): void {
  event.preventDefault();
  dialog.close('yes');
}
