
(() => {
  const form = document.getElementById("find"), list = document.getElementById("signals");
  const rows = [...list.children], keys = [...form.querySelectorAll("[data-key]")];
  const search = document.getElementById("words"), order = document.getElementById("order");
  const show = () => {
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const matches = terms.every((term) => row.dataset.find.includes(term))
        && keys.every((key) => !key.value || row.dataset[key.dataset.key] === key.value);
      row.hidden = !matches;
      shown += matches ? 1 : 0;
    }
    document.getElementById("count").textContent = `${shown} of ${rows.length} signals`;
    document.getElementById("none").hidden = shown > 0;
  };
  const sort = () => {
    const key = order.value, sign = Number(order.selectedOptions[0].dataset.number || 0);
    const by = (a, b) => sign ? sign * (a.dataset[key] - b.dataset[key]) : a.dataset[key].localeCompare(b.dataset[key]);
    list.append(...rows.sort((a, b) => by(a, b) || a.dataset.name.localeCompare(b.dataset.name)));
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  order.addEventListener("change", sort);
  show();
  sort();
})();
