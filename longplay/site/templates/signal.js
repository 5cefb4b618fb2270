
(() => {
  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    const say = (text) => {
      button.textContent = text;
      button.setAttribute("aria-label", `${text}: ${block.dataset.copy}`);
    };
    say("Copy");
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(block);
      try {
        await navigator.clipboard.writeText(block.textContent);
        say("Copied");
      } catch {
        say("Selected, copy it with the keyboard");
      }
      setTimeout(() => say("Copy"), 2500);
    });
    block.after(button);
  }
})();
