//! Words that say little or nothing of what is asked for: German, English, French and Spanish.
//!
//! As the matcher folds them: lower case, without accents.

use std::{collections::HashSet, sync::LazyLock};

use super::kin::{self, Kin};

/// A set of words.
type Words = LazyLock<HashSet<&'static str>>;

/// What joins words of which either will do.
const OR: [&str; 5] = ["o", "oder", "or", "ou", "u"];
/// What joins words.
const AND: [&str; 7] = ["aber", "and", "but", "e", "et", "und", "y"];

/// What descriptions say of every customer, and helping verbs: a new part begins with them.
const FRAME: &str = "\
    about are ask asking asks be been being can cannot claims complain complains could did do does \
    enquire enquires get gets getting give gives giving got had has have having how if inquires is knows \
    like likes make makes mention mentions need needing needs report reports request requests say saying \
    says shall should states tell tells that want wanting wants was were when whenever why will wish \
    wishes wonders would \
    angibt beschwert bittet bleibt brauchen braucht dass erwahnt falls fragen fragt gibt haben hat hatte \
    hatten ist kann konnen konnte melden meldet mochte mochten nennt ob sagt sind sobald soll sollte \
    uber verlangt wann war waren warum weiss wenn werden wird wissen wollen wunscht wurde wurden \
    como comunica cuando dar darme darse decir desea dice es esta estan fue ha han informa llego \
    menciona necesita pedir pide poder podria por porque pregunta preguntar puede que querer quiere \
    quieren quisiera reporta saber si sobre solicita son \
    a aimerait arrive besoin demande demandent demander dit est etait faire indique interesse lorsque \
    mentionne ont peut pourrait pouvoir quand savoir signale signaler sont souhaite souhaiterait sur \
    veut voudrait vouloir";

/// Words that are too common to tell anything.
const STOP: &str = "\
    able after afternoon ago all already also always am an another any anymore anyone anything aren \
    arent arrived arrives arriving article articles as asked at because before best between both bought \
    buy buying by came cant cheers client clients come comes coming customer customers day days dear \
    didn didnt doesn doesnt don dont down during each either even evening ever every everything few \
    first for from gave go goes going gone good goods guest hasn hasnt haven havent he hello help her \
    here hers hey hi him his i id im in info information into isn isnt it item items its ive just kind \
    last later least less let lets liked little ll longer look looking looks made many may maybe me mean \
    means might mine month months more morning most much must my myself needed neither never next night \
    no nope nor not nothing now of off often ok okay on one only onto other our ours out over own people \
    per perhaps person place placed please pm product products put question questions re really regards \
    said same saw see seem seems seen she since sincerely so some somebody someone something sometimes \
    soon sorry still stuff such sure take taken than thank thanks the their theirs them then there these \
    they thing things think this those thought three through thx till to today told tomorrow too took \
    tried try trying two under until up us use used user users uses using ve very via visitor visitors \
    wanted wasn wasnt way we week weeks well went what which while who whom whose with without won wont \
    yeah year years yep yes yesterday yet you your yours \
    abend aber alle alles als angekommen ankommt artikel artikels auch auf aus bald bei beide beim \
    besucher besucherin besuchern bin bis bist bitte bzw da dafur damit dank danke dann darauf darf das \
    davon dazu dein deine deiner dem den denn der des dich die diese diesem diesen dieser dieses ding \
    dir doch dort drei du durch durfen ein eine einem einen einer eines er etc etwas euch euer eure \
    frage freundliche freundlichen fur ganz gegen gehen geht gekommen gern gerne gestern ging \
    gruss grusse gute guten hab habe hallo hast hatt heute hier hiermit hilfe ich ihm ihn ihnen ihr ihre \
    ihrem ihren ihrer ihres immer interessent ja jahr jahre jemand jener jetzt kam kannst kaufen kauft kaufte \
    kein keine keinem keinen keiner kommen kommt konnt konnten kunde kunden kundin kundinnen lassen \
    lasst leider leute mag mal man mehr mein meine meinem meinen meiner meines mich mir mit monat monate \
    morgen muss mussen musste musstest nach nein nicht nichts nie noch nur nutzer nutzerin ohne personen \
    produkt produkte sache schon sehr sei sein seine seinem seinen seiner seines seit seitdem selbst \
    sich sie sollen sollten sowie tag tagen um und uns unser unsere unserem unseren unserer unter usw \
    viel viele vielen vom von vor ware wegen weil welche welchen welcher welches wem wen wer wie wieder \
    wir wirklich wirst woche wochen zu zum zur zwei zwischen \
    ahi ahora al algo alguien alli amable ano anos antes aquel aqui articulo articulos asi aun ayer \
    ayuda bien buen buenas buenos cada cliente clientes compra comprado comprar compre con cosa cual \
    cuales cuanta cuanto de deja dejan dejar del desde despues dia dias dos duda el ella ellas ellos en \
    entre era esa ese eso esos estar estas este esto estos estoy favor gracias gusta gustaria haber \
    habia hace hacen hacer hago hasta hay hemos hola hoy ir la las le les llega llegado llegan llegar lo \
    los luego manana mas menos mes meses mi mio mis mucha muchas muchisimas mucho muchos muy nada \
    necesito ni noches nos nosotros nuestra nuestro nunca otro para pero persona personas pido poco \
    podrian producto productos pueden puedes puedo queria quien quienes quieres quiero saludos se semana \
    semanas ser sera seria siempre sin solo somos soy su sus tambien tan tardes te tener tengo tenia ti \
    tiene tienen toda todas todavia todo todos tras tres tu tus un una unas unos usted ustedes usuaria \
    usuario va van veces vez vino visitante voy ya yo \
    achete acheter ai aide aimerais aller annee ans apres arrivee arriver au aujourd aussi autre autres \
    aux avait avant avec avez avons beaucoup bon bonjour bonne bonsoir ca car ce cela ces cet cette chez \
    chose combien comment cordialement dans demain depuis donc elle elles encore etes etre fais fait \
    faites faut fois hui ici il ils jamais je jour journee jours leur leurs lui ma maintenant mais meme \
    merci moi moins mois mon ne non notre nous or oui par pas pendant personne personnes peu peux plait \
    plus possible pour pourquoi pourriez pouvez produit produits puis qu quel quelle quelles quelqu \
    quels qui quoi recois recu recue rien sa salut sans semaine semaines serait ses soi soiree sommes \
    souhaiterais sous suis svp ta tes toi ton toujours tous tout toute toutes trop une utilisateur \
    utilisatrice vais vers veux visiteur visiteuse vos votre voudrais voulez vous y";

/// Words that count only along with others: deeds that any procedure may be about.
const LIGHT: &str = "\
    account again back big change check close contact deliver delivery detail edit end find issue keep \
    know large modify new number open part problem receive send small speak start status stop talk \
    update where \
    aktualisieren andern anderung beenden einmal erneut finden kontakt \
    konto liefern lieferung neu neue nochmal nochmals nummer prufen schicken senden sprechen stand teil \
    wo zuruck \
    actualizar cambiar cambio contactar cuenta donde encontrar entrega entregar enviar envio hablar \
    mandar nueva nuevamente nuevo numero parte problema \
    arreter changer compte contacter envoyer livraison livrer modifier nouveau \
    nouvelle parler partie probleme retrouver suivre verifier";

/// Words that are light and begin a new part.
const WHERE: [&str; 3] = ["donde", "where", "wo"];

fn set(words: &'static str) -> HashSet<&'static str> {
    words.split_whitespace().collect()
}

static FRAMES: Words = LazyLock::new(|| set(FRAME));
static STOPS: Words = LazyLock::new(|| {
    let all = [FRAME, STOP].map(set).into_iter().flatten();
    all.chain(OR).chain(AND).collect()
});
static LIGHTS: Words = LazyLock::new(|| set(LIGHT));

/// Tells whether a word joins others of which either will do.
pub(super) fn is_or(word: &str) -> bool {
    OR.contains(&word)
}

/// Tells whether a word joins others.
pub(super) fn is_and(word: &str) -> bool {
    AND.contains(&word)
}

/// Tells whether a word asks for a place.
pub(super) fn is_where(word: &str) -> bool {
    WHERE.contains(&word)
}

/// Tells whether a word begins, or ends, what a description says of a customer.
pub(super) fn is_frame(word: &str) -> bool {
    FRAMES.contains(word) || is_where(word)
}

/// Tells whether a word says nothing.
pub(super) fn is_stop(word: &str) -> bool {
    STOPS.contains(word)
}

/// Tells whether a word, or a form of it, counts only along with others.
pub(super) fn is_light(word: &str) -> bool {
    let is_form = |light: &str| matches!(kin::of(word, light), Some(Kin::Form(_)));
    LIGHTS.contains(word) || LIGHTS.iter().any(|light| is_form(light))
}
