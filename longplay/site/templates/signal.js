
(() => {
  for (const block of document.querySelectorAll("pre[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    const setLabel = (text) => {
      button.textContent = text;
      button.setAttribute("aria-label", `${text}: ${block.dataset.copy}`);
    };
    setLabel("Copy");
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(block);
      try {
        await navigator.clipboard.writeText(block.textContent);
        setLabel("Copied");
      } catch {
        setLabel("Selected: copy with the keyboard");
      }
      setTimeout(() => setLabel("Copy"), 2500);
    });
    block.after(button);
  }
})();
