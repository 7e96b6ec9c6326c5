/** Posts the choice to the platform at once; without this script its button does. */

document.getElementById("hand-over").submit();
