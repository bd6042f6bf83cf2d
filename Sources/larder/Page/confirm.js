// Questions before what cannot be undone, in a real dialog: the keyboard stays in it, Escape means no, and the focus goes
// back to where it was.

const dialog = document.getElementById('confirm');
const title = document.getElementById('confirm-title');
const text = document.getElementById('confirm-text');
const yes = document.getElementById('confirm-yes');
const no = document.getElementById('confirm-no');

let answer = () => {};
no.addEventListener('click', () => dialog.close());
dialog.addEventListener('close', () => answer(false));
dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
yes.addEventListener('click', () => {
  const said = answer;
  answer = () => {};
  said(true);
  dialog.close();
});

/// Asks; true for yes. `harmless` asks for something that can be undone.
export function confirm({ heading, body, yes: yesWord, no: noWord = 'Keep', harmless = false }) {
  title.textContent = heading;
  text.replaceChildren(...[body].flat());
  yes.textContent = yesWord;
  yes.className = harmless ? 'primary' : 'danger';
  no.textContent = noWord;
  return new Promise(resolve => {
    answer = resolve;
    dialog.showModal();
    no.focus();
  });
}
