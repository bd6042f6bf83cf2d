// Light or dark: as the system has it, unless somebody chose. Runs before anything is drawn, so that nothing flashes.
'use strict';
(() => {
  const key = 'larder.theme';
  const system = matchMedia('(prefers-color-scheme: dark)');
  const choices = ['automatic', 'light', 'dark'];
  let choice = localStorage.getItem(key) || 'automatic';

  function apply() {
    const isDark = choice === 'automatic' ? system.matches : choice === 'dark';
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light';
  }

  function name(button) {
    const words = `Appearance: ${choice}`;
    button.setAttribute('aria-label', words);
    button.title = words;
  }

  apply();
  system.addEventListener('change', apply);
  document.addEventListener('DOMContentLoaded', () => {
    const button = document.getElementById('theme');
    name(button);
    button.addEventListener('click', () => {
      choice = choices[(choices.indexOf(choice) + 1) % choices.length];
      localStorage.setItem(key, choice);
      apply();
      name(button);
    });
  });
})();
