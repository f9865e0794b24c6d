"use strict";
// buttons that need a script are hidden until it runs
document.querySelectorAll("button[hidden]").forEach(function (button) { button.hidden = false; });

// columns are sorted from the keyboard too
document.querySelectorAll("table.sortable thead th").forEach(function (head) {
  head.tabIndex = 0;
  head.title = "Sort by this column";
  head.addEventListener("keydown", function (event) {
    if (event.key === "Enter" || event.key === " ") { event.preventDefault(); head.click(); }
  });
});

// a filter box above every list or table that asks for one
document.querySelectorAll("[data-filter]").forEach(function (list, place) {
  var label = document.createElement("label"), box = document.createElement("input");
  box.type = "search";
  label.append("Filter: ", box);
  (list.closest(".scroll") || list).before(label);
  box.addEventListener("input", function () {
    var words = box.value.toLowerCase().split(/\s+/);
    var rows = list.tBodies ? list.tBodies[0].rows : list.querySelectorAll("details");
    Array.prototype.forEach.call(rows, function (row) {
      var text = (row.querySelector(":scope > summary") || row).textContent.toLowerCase();
      row.hidden = !words.every(function (word) { return text.includes(word); });
    });
  });
});

// CSV files stand in the page, compressed
document.addEventListener("click", async function (event) {
  var button = event.target.closest("button.csv");
  if (!button) return;
  var bytes = Uint8Array.from(atob(button.dataset.csv), function (c) { return c.charCodeAt(0); });
  var stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  var link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await new Response(stream).blob()], { type: "text/csv" }));
  link.download = button.dataset.name;
  link.click();
  URL.revokeObjectURL(link.href);
});

// copying: with its form where the browser can, else the selected text
document.addEventListener("click", async function (event) {
  var button = event.target.closest("button.copy");
  if (!button) return;
  var text = document.getElementById(button.dataset.copy), said = "copied";
  try {
    await navigator.clipboard.write([new ClipboardItem({
      "text/html": new Blob([text.innerHTML], { type: "text/html" }),
      "text/plain": new Blob([text.innerText], { type: "text/plain" })
    })]);
  } catch (refused) {
    getSelection().selectAllChildren(text);
    said = document.execCommand("copy") ? "copied" : "selected: copy it with the keyboard";
  }
  button.parentNode.querySelector("[role=status]").textContent = said;
});

// in print every row is open, but not the long list of tables
var closed = [];
addEventListener("beforeprint", function () {
  closed = Array.from(document.querySelectorAll("details:not([open])")).filter(function (d) {
    return !d.closest(".tables");
  });
  closed.forEach(function (d) { d.open = true; });
});
addEventListener("afterprint", function () { closed.forEach(function (d) { d.open = false; }); });
